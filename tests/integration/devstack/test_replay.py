"""`cryptwire replay` where nothing runs: servers for its own time; and what it says to input that makes no sense."""

import gzip
from pathlib import Path

import pytest

from cryptwire.errors import Invalid
from replay.recorded import read_portfolio
from tests.integration.devstack.conftest import Place, living
from tests.integration.devstack.test_up import assert_csv


def servers_of(place: Place) -> dict[int, str]:
    """Processes that were started for this data folder."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_text() if folder.name.isdecimal() else ""
        except OSError:
            continue
        if str(place.folder) in command:
            found[int(folder.name)] = command.replace("\0", " ")
    return found


@pytest.mark.timeout(400)
def test_servers_are_started_for_a_replay_and_stopped_after_it(place: Place, bars: Path, portfolio: Path) -> None:
    told = ("replay", str(bars), "--portfolio", str(portfolio), "--base", "BTC")
    done = place.run(*told, "--csv")
    assert done.returncode == 0, done.stderr
    assert_csv(done.stdout, bars)
    assert "ticks/s" in done.stderr, "progress and rate"
    assert servers_of(place) == {}
    plain = place.run(*told)
    assert plain.returncode == 0
    assert plain.stdout == ""
    assert f"{len(done.stdout.splitlines()) - 1} candles of replay-csv" in plain.stderr
    assert servers_of(place) == {}
    assert living(place.seen) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"hopper": "1"}',
        '{"hopper": 1, "assets": {"BTC": "1"}}',
        '{"hopper": "1", "assets": {}}',
        '{"hopper": "1", "assets": {"BTC": "x"}}',
        '{"hopper": "1", "assets": {"BTC": "-1"}}',
        '{"hopper": "1", "assets": {"BTC": "NaN"}}',
        '{"hopper": "1", "assets": {"BTC": [1]}}',
        '{"hopper": "1", "assets": {"BTC": null}}',
    ],
)
def test_a_malformed_portfolio_is_refused(content: str, tmp_path: Path) -> None:
    """Asked in this process, for speed; one of them through the command line below."""
    path = tmp_path / "portfolio.json"
    path.write_text(content)
    with pytest.raises(Invalid, match=r"portfolio\.json"):
        read_portfolio(path)


@pytest.mark.timeout(400)
def test_input_that_makes_no_sense_ends_with_2_and_says_why(
    place: Place, bars: Path, portfolio: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"hopper": "1", "assets": {"BTC": "much"}}')
    garbage = tmp_path / "garbage"
    garbage.mkdir()
    with gzip.open(garbage / "ETH-BTC.5m.csv.gz", "wt") as lines:
        lines.write("opened_at,open,high,low,close,volume\n2018-01-01T00:00:00Z,1,nan,1,1,1\n")
    cases = (
        (tmp_path / "missing", portfolio, "missing is not a folder"),
        (garbage, portfolio, "ETH-BTC.5m.csv.gz, line 2"),
        (bars, broken, 'broken.json should be like {"hopper": "1", "assets": {"BTC": "1.5"}}'),
        (bars, tmp_path / "none.json", "none.json should be like"),
    )
    for folder, file, said in cases:
        done = place.run("replay", str(folder), "--portfolio", str(file), "--base", "BTC", "--csv")
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("cryptwire: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert servers_of(place) == {}
