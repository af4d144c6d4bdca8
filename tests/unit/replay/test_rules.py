"""A rule set over recorded ticks fires at the message at which it must by an independent computation, once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cryptwire import cli
from cryptwire.codec.rule_answers import replay_from_json
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.rule_set import RuleSetBody
from cryptwire.errors import Invalid
from replay.recorded import EXCHANGE, read_folder
from replay.rules import Decision, decide, read_rules, result_of
from tests import falls, market, oracle
from tests.falls import ASSETS, GENERATED, Stop

HOPPER = Hopper(HopperId("1"), UserId("u"), "1", EXCHANGE, Asset("BTC"), True, SPAN)


def guard(stop: Stop, **more: object) -> dict[str, object]:
    rule = {
        "rule": "trailing-stop",
        "arm_at": stop.arm_at,
        "trail": stop.trail,
        "confirm": {"ticks": stop.ticks, "seconds": stop.seconds},
    }
    return {"name": "Guard", "when": [rule], "then": [{"action": "panic-sell"}], **more}


def decided(folder: Path, assets: dict[str, str], body: RuleSetBody) -> tuple[list[Decision], object]:
    recording = read_folder(folder)
    quantities = {Asset(name): Decimal(amount) for name, amount in assets.items()}
    decisions, replayer = decide(recording, HOPPER, quantities, body)
    listed = list(decisions)
    return [each for each in listed if each.evaluation.fires], result_of(replayer, recording)


def assert_fires_where_it_must(folder: Path, assets: dict[str, str], stop: Stop) -> datetime:
    told = falls.messages(folder, assets)
    expected = falls.first_fire(told, stop)
    assert expected is not None
    number, peak, level = expected
    fires, _ = decided(folder, assets, body_from_json(guard(stop)))
    assert len(fires) == 1
    snapshot = fires[0].snapshot
    at = datetime.fromtimestamp(told[number][0] / 1000, UTC)
    assert snapshot.at == at
    assert snapshot.balance == pytest.approx(told[number][1], rel=1e-12)
    numbers = fires[0].evaluation.verdict.parts[0].numbers
    assert (numbers["peak"], numbers["stop"]) == pytest.approx((peak, level), rel=1e-9)
    return at


@pytest.mark.parametrize(
    "stop", [Stop(0.05, 0.1), Stop(0.0, 0.2), Stop(0.05, 0.1, ticks=1, seconds=0), Stop(0.02, 0.15, seconds=600)]
)
def test_R8_a_generated_fall(tmp_path: Path, stop: Stop) -> None:
    at = assert_fires_where_it_must(falls.make_fall(tmp_path), GENERATED, stop)
    assert datetime(2018, 3, 24, 0, 55, tzinfo=UTC) < at < datetime(2018, 3, 24, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize("stop", [Stop(0.05, 0.25), Stop(0.02, 0.3, ticks=5, seconds=600)])
def test_the_fall_of_16_and_17_january_2018(stop: Stop) -> None:
    folder = market.recorded_folder()
    if folder is None:
        pytest.skip("no recorded market data (CRYPTWIRE_MARKET_DATA): only generated falls were seen")
    at = assert_fires_where_it_must(folder, ASSETS, stop)
    assert datetime(2018, 1, 16, tzinfo=UTC) < at < datetime(2018, 1, 18, tzinfo=UTC)


def test_R6_a_wick_of_one_tick_fires_nothing_whatever_the_confirmation(tmp_path: Path) -> None:
    """Both coins at two thirds for one tick, three times; there is no fall."""
    folder = falls.make_fall(tmp_path, {150: 0.66, 200: 0.66, 220: 0.66}, falls=False)
    lowest = min(value for _, value in falls.messages(folder, GENERATED))
    highest = max(value for _, value in falls.messages(folder, GENERATED))
    assert lowest < 0.9 * highest * 0.9
    fires, _ = decided(folder, GENERATED, body_from_json(guard(Stop(0.05, 0.1, ticks=1, seconds=0))))
    assert not fires


def test_the_same_depth_for_two_bars_does_fire(tmp_path: Path) -> None:
    """Else the test before this one would show nothing."""
    folder = falls.make_fall(tmp_path)
    fires, _ = decided(folder, GENERATED, body_from_json(guard(Stop(0.05, 0.1, ticks=1, seconds=0))))
    assert len(fires) == 1


def test_figures_pairs_and_times_are_read_as_live(tmp_path: Path) -> None:
    """A pair's change, the portfolio's drawdown and RSI, within hours: fires at the first message where all hold."""
    folder = falls.make_fall(tmp_path)
    once = {"ticks": 1, "seconds": 0}
    pair = "recorded:ETH/BTC"
    when = [
        {"rule": "pair-change", "pair": pair, "change": -0.2, "minutes": 60, "confirm": once},
        {"rule": "drawdown", "fall": 0.1, "minutes": 1440, "confirm": once},
        {
            "rule": "compare",
            "left": {"figure": "rsi(length=14)@15"},
            "is": "below",
            "right": 30,
            "confirm": once,
        },
        {"rule": "time", "from": "01:00", "until": "02:00", "confirm": once},
    ]
    body = body_from_json({"name": "All", "when": when, "then": [{"action": "panic-sell"}]})
    fires, _ = decided(folder, GENERATED, body)
    assert len(fires) == 1
    parts = fires[0].evaluation.verdict.parts
    prices = dict(_closes(folder / "ETH-BTC.5m.csv.gz"))
    change = parts[0].numbers["change"]
    assert change <= -0.2
    hour_ago = fires[0].snapshot.at.timestamp() - 3600
    opening = hour_ago - hour_ago % 900
    assert change == pytest.approx(prices[fires[0].snapshot.at.timestamp()] / prices[opening] - 1, rel=1e-9)


def _closes(path: Path) -> Iterator[tuple[float, float]]:
    for opened_at, open_, high, low, close in oracle.bars_of(path.parent)[path.name.split(".")[0]]:
        at = opened_at.timestamp()
        order = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
        yield from zip((at, at + 75, at + 150, at + 299.999), order, strict=True)


def test_again_and_again(tmp_path: Path) -> None:
    folder = falls.make_fall(tmp_path)
    body = body_from_json(guard(Stop(0.0, 0.05), again={"policy": "after", "minutes": 10}))
    fires, result = decided(folder, GENERATED, body)
    assert len(fires) > 1
    assert len(result.fires) == len(fires)  # type: ignore[attr-defined]


def test_the_command_prints_a_line_of_json_for_each_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    falls.make_fall(folder)
    portfolio, rules = tmp_path / "p.json", tmp_path / "r.json"
    portfolio.write_text(json.dumps({"hopper": "1", "assets": GENERATED}))
    rules.write_text(json.dumps(guard(Stop(0.05, 0.1))))
    asked = ["replay", str(folder), "--portfolio", str(portfolio), "--base", "btc", "--rules", str(rules)]
    assert cli.main(asked) == 0
    printed = capsys.readouterr()
    *lines, last = map(json.loads, printed.out.splitlines())
    assert [line["fires"] for line in lines] == [False, False, True]
    assert [event["kind"] for line in lines for event in line["events"]] == ["started", "armed", "fired"]
    whole = replay_from_json(last)
    assert not whole.is_approximation
    assert whole.fires[0].at == datetime.fromisoformat(lines[-1]["at"])
    assert whole.saved is not None
    assert whole.saved > 0
    assert "approximation" not in printed.err
    assert "Then it sells all positions at market price" in printed.err


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "r.json cannot be read"),
        ("[]", "r.json: "),
        (json.dumps(guard(Stop(0.05, 5))), "r.json: "),
        ("x" * 300_000, "too long"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_name(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(Invalid, match=what):
        read_rules(path)
    with pytest.raises(Invalid, match="nowhere"):
        read_rules(tmp_path / "nowhere.json")


def test_pairs_that_were_not_recorded_and_positions_are_refused(tmp_path: Path) -> None:
    folder = falls.make_fall(tmp_path)
    pair = "binance:ETH/BTC"
    change = {"rule": "pair-change", "pair": pair, "change": -0.2, "minutes": 60}
    with pytest.raises(Invalid, match="binance ETH/BTC, of which nothing is recorded; here pairs are of recorded"):
        decided(folder, GENERATED, body_from_json({"name": "x", "when": [change], "then": [{"action": "panic-sell"}]}))
    count = {"rule": "positions", "is": "above", "count": 1}
    with pytest.raises(Invalid, match="reads positions"):
        decided(folder, GENERATED, body_from_json({"name": "x", "when": [count], "then": [{"action": "panic-sell"}]}))
