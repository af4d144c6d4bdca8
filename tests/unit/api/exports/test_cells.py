"""What is written is what a reader of CSV reads, and nothing of it is a formula."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.handlers.exports.cells import Column, Kind, Table, number, plain

BERLIN = ZoneInfo("Europe/Berlin")
D = Decimal
TABLE = Table("things", "Things.", tuple(Column(kind.name.lower(), kind, "A thing.") for kind in Kind))
AT = datetime(2026, 3, 1, 23, 0, 0, 250_000, tzinfo=UTC)
ROW = ["Bot", "buy", D("1.50"), D("0.010306295285838674"), D("-2.0"), "1 BNB", AT, AT, date(2026, 3, 2), True]


def read(written: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written.decode(), newline="")))


def test_a_file_has_a_head_and_lines_that_end_as_they_must() -> None:
    written = TABLE.head() + TABLE.writer(BERLIN, is_masked=False)([ROW, [None] * len(ROW)])
    assert written == (
        b"text,word,number,ratio,amount,amounts,utc,local,date,truth\r\n"
        b"Bot,buy,1.5,0.010306295285838674,-2,1 BNB,2026-03-01T23:00:00.250000Z,2026-03-02 00:00:00,2026-03-02,true\r\n"
        b",,,,,,,,,\r\n"
    )


def test_masked_files_have_no_amounts_and_all_the_rest() -> None:
    (row,) = read(TABLE.writer(BERLIN, is_masked=True)([ROW]))
    assert row == [
        "Bot",
        "buy",
        "1.5",
        "0.0103063",
        "",
        "",
        "2026-03-01T23:00:00.250000Z",
        "2026-03-02 00:00:00",
        "2026-03-02",
        "true",
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (D("0E-18"), "0"),
        (D("-0"), "0"),
        (D("1E+3"), "1000"),
        (D("100.00"), "100"),
        (D("0.000000000000000001"), "0.000000000000000001"),
        (D("12345678901234567890123456789012.5"), "12345678901234567890123456789012.5"),
        (1e-07, "0.0000001"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (float("nan"), ""),
        (float("-inf"), ""),
    ],
)
def test_numbers_are_digits_and_a_point(value: Decimal | float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-Bot-", "'-Bot-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("a\n@b", "a\n'@b"),
        ('"=1"', '"\'=1"'),
        ("Bot 1 - calm", "Bot 1 - calm"),
        ("BTC-USDT", "BTC-USDT"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_text_from_outside_is_no_formula(text: str, written: str) -> None:
    assert plain(text) == written


CHARACTERS = st.sampled_from(list("=+-@;,|\t\r\n\"' ab1\uff1d\u00e4"))


@given(st.lists(st.text(CHARACTERS, max_size=12), min_size=1, max_size=4))
def test_no_text_is_a_formula_for_anybody_who_cuts_lines_in_any_way(texts: list[str]) -> None:
    table = Table("t", "t", tuple(Column(f"c{n}", Kind.TEXT, "") for n in range(len(texts))))
    written = table.writer(BERLIN, is_masked=False)([texts])
    assert read(written) == [[plain(text) for text in texts]]
    pieces = re.split('[;,|\t\r\n"]', written.decode())
    assert [piece for piece in pieces if piece.lstrip()[:1] in tuple("=+-@\uff1d")] == []
    assert [re.sub("'", "", plain(text)) for text in texts] == [re.sub("'", "", text) for text in texts]


def test_a_row_that_lacks_a_cell_is_a_fault() -> None:
    with pytest.raises(ValueError, match="zip"):
        TABLE.writer(BERLIN, is_masked=False)([ROW[:-1]])
