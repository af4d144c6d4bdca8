"""Recorded candles become ticks in the one order that is agreed; what is wrong with a file is said by name and line."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from cryptwire.domain.points import four_ticks
from cryptwire.errors import Invalid
from replay.recorded import read_folder, read_portfolio

HEADER = "opened_at,open,high,low,close,volume\n"
GOOD = "2018-01-10T05:00:00Z,1,3,0.5,2,9\n"
MINUTE = 60_000_000


def folder_with(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.5m.csv").write_text(text)
    return folder


def test_a_rise_goes_low_first_and_a_fall_high_first() -> None:
    bars = np.array([[1.0, 4.0, 0.5, 3.0], [3.0, 4.0, 0.5, 1.0], [2.0, 2.5, 1.5, 2.0]])
    at, prices = four_ticks(np.array([0, 1_000_000_000, 2_000_000_000]), 5 * MINUTE, bars)
    assert prices.tolist() == [1, 0.5, 4, 3, 3, 4, 0.5, 1, 2, 1.5, 2.5, 2]
    assert at[:4].tolist() == [0, 75_000_000, 150_000_000, 299_999_000]
    assert (at[4:8] - at[4]).tolist() == at[:4].tolist()


def test_at_the_same_instant_pairs_go_in_alphabetical_order(tmp_path: Path) -> None:
    folder_with(tmp_path, XLM_BTC=HEADER + GOOD, ADA_BTC=HEADER + GOOD, **{"1INCH_BTC": HEADER + GOOD})
    recording = read_folder(tmp_path)
    assert [pair.base for _, pair, _ in recording.ticks()] == ["1INCH", "ADA", "XLM"] * 4
    assert [price for _, _, price in recording.ticks()] == [1.0] * 3 + [0.5] * 3 + [3.0] * 3 + [2.0] * 3
    assert recording.span == timedelta(minutes=5)
    assert len(recording) == 12


def test_ticks_of_all_files_are_in_order_of_time(tmp_path: Path) -> None:
    later = GOOD.replace("05:00", "05:01")
    folder_with(tmp_path, ADA_BTC=HEADER + later, ZEC_BTC=HEADER + GOOD + GOOD.replace("05:00:", "05:30:"))
    moments = [at for at, _, _ in read_folder(tmp_path).ticks()]
    assert moments == sorted(moments)
    assert len(moments) == 12


def test_packed_files_and_zones_are_read_and_other_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ADA-BTC.1h.csv.gz").write_bytes(gzip.compress((HEADER + GOOD.replace("Z", "+02:00")).encode()))
    (tmp_path / "notes.txt").write_text("nothing")
    recording = read_folder(tmp_path)
    assert recording.span == timedelta(hours=1)
    assert recording.at[0] == 1_515_553_200_000_000  # 03:00 UTC


BAD_ROWS = [
    ("2018-01-10T05:05:00Z,1,3,0.5\n", "ADA-BTC.5m.csv, line 3"),
    ("2018-01-10T05:05:00Z,1,3,0.5,x,9\n", "ADA-BTC.5m.csv, line 3: .*'x'"),
    ("2018-01-10T05:05:00Z,nan,3,0.5,2,9\n", "line 3: a price must be finite"),
    ("2018-01-10T05:05:00Z,inf,inf,0.5,2,9\n", "line 3: a price must be finite"),
    ("2018-01-10T05:05:00Z,1,3,0,2,9\n", "line 3: a price must be finite and above 0"),
    ("2018-01-10T05:05:00Z,1,3,-0.5,2,9\n", "line 3: a price must be finite and above 0"),
    ("2018-01-10T05:05:00Z,1,1.5,0.5,2,9\n", "line 3: high and low do not enclose"),
    ("2018-01-10T05:05:00Z,1,3,1.5,2,9\n", "line 3: high and low do not enclose"),
    ("2018-01-10T05:05:00,1,3,0.5,2,9\n", "line 3: .*no time zone"),
    ("yesterday,1,3,0.5,2,9\n", "line 3: .*yesterday"),
    ("2018-01-10T05:04:59Z,1,3,0.5,2,9\n", "line 3: bars overlap"),
    ("2018-01-10T05:00:00Z,1,3,0.5,2,9\n", "line 3: bars overlap"),
    ("2018-01-09T05:00:00Z,1,3,0.5,2,9\n", "line 3: .*not in order"),
    (f"2018-01-10T05:05:00Z,{'1' * 200_000},3,0.5,2,9\n", "line [23]: field larger"),
]


@pytest.mark.parametrize(("row", "fault"), BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, row: str, fault: str) -> None:
    folder_with(tmp_path, ADA_BTC=HEADER + GOOD + row)
    with pytest.raises(Invalid, match=r"ADA-BTC\.5m\.csv.*" + fault.removeprefix("ADA-BTC.5m.csv, ")):
        read_folder(tmp_path)


def test_files_that_say_nothing_are_named(tmp_path: Path) -> None:
    for text, fault in (("", "no header"), ("a,b\n1,2\n", "no header"), (HEADER, "no bars")):
        folder_with(tmp_path, ADA_BTC=text)
        with pytest.raises(Invalid, match=rf"ADA-BTC\.5m\.csv has {fault}"):
            read_folder(tmp_path)


PACKED = gzip.compress((HEADER + GOOD * 50).encode())
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda packed: packed[:-9],
    "not packed": lambda _: b"opened_at,open",
    "flipped": lambda packed: packed[:12] + bytes(byte ^ 0xFF for byte in packed[12:40]) + packed[40:],
    "checksum": lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:],
    "not text": lambda _: gzip.compress(b"\xff\xfe\xfd"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "ADA-BTC.5m.csv.gz").write_bytes(DAMAGES[damage](PACKED))
    with pytest.raises(Invalid, match=r"ADA-BTC\.5m\.csv\.gz cannot be read"):
        read_folder(tmp_path)


def test_folders_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(Invalid, match="has no files named like"):
        read_folder(tmp_path)
    folder_with(tmp_path, ADA_BTC=HEADER + GOOD)
    (tmp_path / "ADA-BTC.15m.csv").write_text(HEADER + GOOD)
    with pytest.raises(Invalid, match="ADA-BTC is there twice"):
        read_folder(tmp_path)


@pytest.mark.parametrize("span", ["0m", "99999999999999999999d", "32d"])
def test_a_span_that_cannot_be(tmp_path: Path, span: str) -> None:
    (tmp_path / f"ADA-BTC.{span}.csv").write_text(HEADER + GOOD)
    with pytest.raises(Invalid, match=rf"ADA-BTC\.{span}\.csv"):
        read_folder(tmp_path)


def test_a_portfolio_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"hopper": "1", "assets": {"btc": "1.50", "ETH": 20}}')
    name, held = read_portfolio(path)
    assert (name, {str(asset): str(amount) for asset, amount in held.items()}) == ("1", {"BTC": "1.50", "ETH": "20"})
    assert isinstance(held["ETH"], Decimal)  # type: ignore[index]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"hopper": "1"}',
        '{"assets": {"BTC": "1"}}',
        '{"hopper": 1, "assets": {"BTC": "1"}}',
        '{"hopper": "", "assets": {"BTC": "1"}}',
        '{"hopper": "1", "assets": {}}',
        '{"hopper": "1", "assets": []}',
        '{"hopper": "1", "assets": {"BTC": "much"}}',
        '{"hopper": "1", "assets": {"BTC": null}}',
        '{"hopper": "1", "assets": {"BTC": {}}}',
        '{"hopper": "1", "assets": {"BTC": "-1"}}',
        '{"hopper": "1", "assets": {"BTC": "NaN"}}',
        '{"hopper": "1", "assets": {"BTC": "Infinity"}}',
        '{"hopper": "1", "assets": {"BTC": "1", "btc": "2"}}',
    ],
)
def test_a_portfolio_that_makes_no_sense_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(Invalid, match=r"mine\.json"):
        read_portfolio(path)


def test_a_portfolio_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nowhere\.json"):
        read_portfolio(tmp_path / "nowhere.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe" + json.dumps({}).encode())
    with pytest.raises(Invalid, match=r"bytes\.json"):
        read_portfolio(tmp_path / "bytes.json")
