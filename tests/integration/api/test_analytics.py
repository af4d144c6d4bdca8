"""Figures over a choice of hoppers and days, as a client reads them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.storage.hoppers import Hoppers
from tests.integration.api.analytics import put_candle, put_days, put_flow, put_rate
from tests.integration.api.conftest import World, code_of

_DAYS = """
    query($hoppers: [ID!], $since: Date, $until: Date, $currency: String, $masked: Boolean, $kind: HopperKind) {
      analytics(hopperIds: $hoppers, since: $since, until: $until, currency: $currency, masked: $masked, kind: $kind) {
        scope { hopperIds isPaper since until currency isMasked zone }
        days { date value balance return index depth flows usage free invested base missing notes asOf }
        returns {
          timeWeighted { value sampleSize note definition }
          moneyWeightedOfRange { value }
          value { amount currency } brought { amount } flows { amount } gain { amount }
          today { value } todayGain { amount }
        }
        risk { sharpe { value note sampleSize } maxDrawdown { value } exposure { value } }
        drawdowns(first: 5) { peakOn troughOn recoveredOn depth days }
        benchmark { date index benchmarkIndex benchmarkValue difference { amount } excess { value note } missing note }
        holding { benchmarkValue note }
        calendar(span: MONTH) { beginsOn return known flows }
      }
    }
"""


async def me_of(world: World) -> UserId:
    return UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = 'Me@Example.com'"))


async def add(world: World, id: str, base: str = "USDT", *, is_paper: bool = False) -> None:
    me = await me_of(world)
    every = timedelta(seconds=60)
    await Hoppers(world.owner).put(
        Hopper(HopperId(id), me, f"Bot {id}", Exchange("binance"), Asset(base), is_paper, every)
    )


async def test_days_return_and_risk_of_one_hopper(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    now = world.runtime.clock.now()
    yesterday = now.date() - timedelta(days=1)
    await put_days(world.owner, "1", yesterday, [1000.0, 1050.0, 1519.0, 1279.95])
    day = datetime(yesterday.year, yesterday.month, yesterday.day, tzinfo=UTC)
    deposit, withdrawal = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
    await put_flow(world.owner, deposit, "1", day - timedelta(hours=20), "500", 1050.0)
    await put_flow(world.owner, withdrawal, "1", day + timedelta(hours=4), "-300", 1519.0, "withdrawal")
    await world.sign_in()
    since, until = str(yesterday - timedelta(days=2)), str(yesterday)
    answer = await world.ask(_DAYS, hoppers=["1"], since=since, until=until)
    assert "errors" not in answer, answer
    told = answer["data"]["analytics"]
    assert told["days"]["value"] == [1050.0, 1519.0, 1279.95]
    assert told["days"]["base"] == 1000.0
    assert told["days"]["return"] == pytest.approx([0.05, -0.02, 0.05])
    assert told["days"]["flows"] == ["0", "500.0", "-300.0"]
    assert told["returns"]["timeWeighted"]["value"] == pytest.approx(0.08045)
    assert told["returns"]["timeWeighted"]["sampleSize"] == 3
    assert told["returns"]["value"] == {"amount": "1279.95", "currency": "USDT"}
    assert Decimal(told["returns"]["gain"]["amount"]) == Decimal("79.95")
    assert told["risk"]["sharpe"]["value"] is None
    assert "too short" in told["risk"]["sharpe"]["note"]
    assert told["risk"]["maxDrawdown"]["value"] == pytest.approx(-0.02)
    assert told["risk"]["exposure"]["value"] == pytest.approx(0.25)
    (fall,) = told["drawdowns"]
    assert fall["depth"] == pytest.approx(-0.02)
    assert fall["recoveredOn"] == until
    value = '{ analytics(hopperIds: ["1"], currency: "XYZ") { returns { value { amount note } } } }'
    unknown = (await world.ask(value))["data"]["analytics"]["returns"]["value"]
    assert unknown["amount"] is None
    assert "nobody tells what XYZ is worth" in unknown["note"]


async def test_all_hoppers_are_one_portfolio_in_another_currency(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC' WHERE email = 'Me@Example.com'")
    await add(world, "3", "USD")
    await add(world, "4", "USD", is_paper=True)
    now = world.runtime.clock.now()
    yesterday = now.date() - timedelta(days=1)
    day = datetime(yesterday.year, yesterday.month, yesterday.day, tzinfo=UTC)
    await put_rate(world.owner, "EUR", day - timedelta(days=3), "0.5")
    await put_rate(world.owner, "EUR", day + timedelta(hours=12), "0.8")
    await put_rate(world.owner, "USDT", day - timedelta(days=3), "1")
    await put_rate(world.owner, "USDT", day + timedelta(hours=12), "1")
    await put_rate(world.owner, "BTC", day - timedelta(hours=1), "0.001")
    await put_rate(world.owner, "BTC", day + timedelta(hours=12), str(Decimal("0.8") / Decimal("0.5") / 1200))
    await put_days(world.owner, "1", yesterday, [1000.0, 1100.0])
    await put_days(world.owner, "3", yesterday, [500.0, 600.0], currency="USD")
    await put_days(world.owner, "4", yesterday, [9.0, 9.0], currency="USD")
    await world.sign_in()
    answer = await world.ask(_DAYS, since=str(yesterday), until=str(yesterday))
    assert "errors" not in answer, answer
    told = answer["data"]["analytics"]
    assert sorted(told["scope"]["hopperIds"]) == ["1", "3"]
    assert told["scope"]["currency"] == "EUR"
    assert told["days"]["value"] == pytest.approx([1700 * 0.8])
    assert told["days"]["balance"] == ["1360.00"]
    assert told["days"]["return"] == pytest.approx([1700 * 0.8 / (1500 * 0.5) - 1])
    beside = told["benchmark"]
    assert beside["benchmarkValue"] == pytest.approx([1500 * 0.5 * 1.2])
    assert Decimal(beside["difference"]["amount"]) == pytest.approx(Decimal("1360") - Decimal("900"))
    assert beside["excess"]["value"] == pytest.approx(1360 / 750 - 1.2)
    assert told["holding"]["note"] == "what was held at the beginning is not known"
    paper = await world.ask(_DAYS, kind="PAPER", since=str(yesterday), until=str(yesterday))
    assert paper["data"]["analytics"]["scope"]["isPaper"] is True
    both = await world.ask(_DAYS, hoppers=["1", "4"])
    assert code_of(both) == "INVALID"


async def test_the_day_in_progress_and_masking(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    now = world.runtime.clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    await put_days(world.owner, "1", today.date() - timedelta(days=1), [1000.0, 1100.0])
    quarter = now - timedelta(minutes=15 + now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    await put_candle(world.owner, "1", quarter, 1100.0, 1210.0)
    await world.sign_in()
    answer = await world.ask(_DAYS, hoppers=["1"])
    assert "errors" not in answer, answer
    told = answer["data"]["analytics"]
    assert told["days"]["date"][-1] == str(today.date())
    assert told["days"]["value"][-2:] == [1100.0, 1210.0]
    assert told["days"]["asOf"] == f"{quarter + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}", "nothing newer is known"
    assert told["returns"]["today"]["value"] == pytest.approx(0.1)
    assert Decimal(told["returns"]["todayGain"]["amount"]) == Decimal("110")
    first = (await world.ask(_DAYS, hoppers=["1"], since=str(today.date() - timedelta(days=2))))["data"]["analytics"]
    amounts = [Decimal(first["returns"][name]["amount"]) for name in ("value", "brought", "flows", "gain")]
    assert amounts == [1210, 1000, 0, 210], "what it began with has come, and was not earned"
    alone = (await world.ask(_DAYS, hoppers=["1"], since=str(today.date())))["data"]["analytics"]["returns"]
    assert Decimal(alone["todayGain"]["amount"]) == Decimal("110"), "also when nothing but today is asked for"
    hidden = (await world.ask(_DAYS, hoppers=["1"], masked=True))["data"]["analytics"]
    count = len(told["days"]["date"])
    for name in ("value", "balance", "flows", "free", "invested"):
        assert hidden["days"][name] == [None] * count
    assert hidden["days"]["base"] is None
    returns = [None if one is None else float(f"{one:.6g}") for one in told["days"]["return"]]
    assert hidden["days"]["return"] == returns
    assert hidden["returns"]["value"] == {"amount": None, "currency": "USDT"}
    dust = "33333333-3333-3333-3333-333333333333"
    await put_flow(world.owner, dust, "1", quarter + timedelta(minutes=5), "1e-30", 1210.0)
    fine = (await world.ask(_DAYS, hoppers=["1"]))["data"]["analytics"]["returns"]["todayGain"]["amount"]
    assert Decimal(fine) == Decimal("109." + 30 * "9"), "to the last digit"
    whole = told["returns"]["timeWeighted"]
    assert hidden["returns"]["timeWeighted"] == {**whole, "value": float(f"{whole['value']:.6g}")}
    assert hidden["calendar"]["flows"] == [None]


async def test_deposits_within_one_quarter_of_an_hour_are_no_fall(world: World) -> None:
    """One comes to each of two hoppers, and a third since the last candle; nobody earned anything."""
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    await add(world, "3")
    today = world.runtime.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    noon = today - timedelta(hours=12)
    for id in ("1", "3"):
        await put_days(world.owner, id, today.date() - timedelta(days=1), [100.0, 1100.0])
        await put_candle(world.owner, id, noon - timedelta(minutes=15), 100.0, 100.0)
    names = (str(number) * 8 + "-1111-1111-1111-111111111111" for number in (1, 2, 3))
    await put_flow(world.owner, next(names), "1", noon + timedelta(minutes=1), "1000", 100.0)
    await put_flow(world.owner, next(names), "3", noon + timedelta(minutes=5), "1000", 100.0)
    late = max(today, world.runtime.clock.now() - timedelta(minutes=2))
    for id in ("1", "3"):
        await put_candle(world.owner, id, late - timedelta(minutes=20), 1100.0, 1100.0)
    await put_flow(world.owner, next(names), "1", late, "1000", 1100.0)
    await world.sign_in()
    answer = await world.ask(_DAYS, hoppers=["1", "3"], since=str(noon.date()), until=str(today.date()))
    assert "errors" not in answer, answer
    told = answer["data"]["analytics"]
    assert told["days"]["value"] == [2200.0, 3200.0]
    assert told["days"]["return"] == pytest.approx([0.0, 0.0])
    assert told["returns"]["gain"]["amount"] == "0.0"


async def test_days_that_are_still_being_computed_are_no_fall(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    now = world.runtime.clock.now()
    await put_days(world.owner, "1", now.date() - timedelta(days=9), [1000.0, 1100.0])
    quarter = now - timedelta(minutes=15 + now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    await put_candle(world.owner, "1", quarter, 500.0, 500.0)
    await world.sign_in()
    told = (await world.ask(_DAYS, hoppers=["1"]))["data"]["analytics"]
    assert told["days"]["return"] == [None, pytest.approx(0.1), None]
    assert told["returns"]["timeWeighted"]["value"] == pytest.approx(0.1)
    assert "left out" in told["returns"]["timeWeighted"]["note"]
    assert told["returns"]["today"]["value"] is None
    assert told["returns"]["todayGain"]["amount"] is None


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"hoppers": ["2"]}, "NOT_FOUND"),
        ({"hoppers": ["nobody's"]}, "NOT_FOUND"),
        ({"hoppers": []}, "INVALID"),
        ({"hoppers": ["1"], "kind": "PAPER"}, "INVALID"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "INVALID"),
        ({"since": "1971-01-01", "until": "2026-01-01"}, "INVALID"),
        ({"since": "2199-01-01"}, "INVALID"),
        ({"currency": "no such thing"}, "INVALID"),
    ],
)
async def test_what_cannot_be_asked(world: World, variables: dict[str, Any], code: str) -> None:
    await world.sign_in()
    assert code_of(await world.ask(_DAYS, **variables)) == code


async def test_without_any_days_nothing_is_made_up(world: World) -> None:
    await world.sign_in()
    told = (await world.ask(_DAYS))["data"]["analytics"]
    assert told["days"]["value"] == []
    assert told["returns"]["timeWeighted"]["value"] is None
    assert told["returns"]["value"]["amount"] is None
    assert told["drawdowns"] == []


_SUMS = """
    query($since: Date, $until: Date, $currency: String) {
      analytics(since: $since, until: $until, currency: $currency) {
        returns { value { amount note } valueBefore { amount } flows { amount } gain { amount note } free { note } }
        comparison { value { amount } }
        days { currency } calendar { asOf currency definition }
        benchmark {
          asOf currency benchmarkIndex excess { value sampleSize asOf note } difference { asOf } beta { asOf }
        }
      }
    }
"""


async def test_the_values_of_hoppers_add_up_to_the_last_digit(world: World) -> None:
    """Also where balances have more digits than candles, and a hopper of which nothing is known any more is told."""
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    await add(world, "3")
    await add(world, "5")
    yesterday = world.runtime.clock.now().date() - timedelta(days=1)
    for id in ("1", "3"):
        await put_days(world.owner, id, yesterday, [100.0, 110.0])
    await put_days(world.owner, "5", yesterday, [70.0, None])
    exactly = Decimal("110.000000000000000001")
    await world.owner.execute("UPDATE daily_statistics SET balance = $1 WHERE closing = 110", exactly)
    await world.sign_in()
    answer = await world.ask(_SUMS, since=str(yesterday), until=str(yesterday), currency="USDT")
    assert "errors" not in answer, answer
    told = answer["data"]["analytics"]
    assert [each["value"]["amount"] for each in told["comparison"]] == [str(exactly), str(exactly), None]
    said = "without 1 hopper of which it is not known at the end"
    assert (
        told["returns"]["value"]["note"] == told["returns"]["gain"]["note"] == told["returns"]["free"]["note"] == said
    )
    await world.owner.execute("UPDATE daily_statistics SET closing = 1, balance = 1 WHERE closing IS NULL")
    answer = await world.ask(_SUMS, since=str(yesterday), until=str(yesterday), currency="USDT")
    told = answer["data"]["analytics"]
    amounts = [Decimal(each["value"]["amount"]) for each in told["comparison"]]
    assert sum(amounts) == Decimal(told["returns"]["value"]["amount"]) == 2 * exactly + 1
    assert told["returns"]["value"]["note"] is None
    value, before, flows, gain = (
        Decimal(told["returns"][name]["amount"]) for name in ("value", "valueBefore", "flows", "gain")
    )
    assert gain == value - before - flows == 2 * exactly + 1 - 270


async def test_who_was_not_there_is_not_behind_bitcoin(world: World) -> None:
    """On the first day nobody knows what the hopper opened with, while bitcoin doubled."""
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USD' WHERE email = 'Me@Example.com'")
    await add(world, "3", "USD")
    yesterday = world.runtime.clock.now().date() - timedelta(days=1)
    day = datetime(yesterday.year, yesterday.month, yesterday.day, tzinfo=UTC)
    await put_rate(world.owner, "BTC", day - timedelta(hours=25), "0.002")
    await put_rate(world.owner, "BTC", day - timedelta(hours=2), "0.001")
    await put_rate(world.owner, "BTC", day + timedelta(hours=20), str(Decimal("0.001") / Decimal("1.25")))
    await put_days(world.owner, "3", yesterday, [100.0, 150.0], currency="USD")
    await world.sign_in()
    answer = await world.ask(_SUMS, since=str(yesterday - timedelta(days=1)), until=str(yesterday), currency="USD")
    assert "errors" not in answer, answer
    beside = answer["data"]["analytics"]["benchmark"]
    assert beside["benchmarkIndex"] == pytest.approx([1.0, 1.25])
    assert beside["excess"]["value"] == pytest.approx(0.25)
    assert beside["excess"]["sampleSize"] == 1
    assert "1 day left out" in beside["excess"]["note"]
    ended = f"{yesterday + timedelta(days=1)}T00:00:00Z"
    calendar = answer["data"]["analytics"]["calendar"]
    assert [beside[name]["asOf"] for name in ("excess", "difference", "beta")] == [ended] * 3
    assert beside["asOf"] == calendar["asOf"] == ended
    assert beside["currency"] == calendar["currency"] == answer["data"]["analytics"]["days"]["currency"] == "USD"
    assert "time-weighted" in calendar["definition"]


_CANDLES = """
    query($hoppers: [ID!], $since: Date, $until: Date, $currency: String, $resolution: String!, $masked: Boolean) {
      analytics(hopperIds: $hoppers, since: $since, until: $until, currency: $currency, masked: $masked) {
        candles(resolution: $resolution) { at open high low close volume isSum currency asOf }
      }
    }
"""


async def test_who_changed_his_currency_or_was_unlinked_is_in_a_sum_once_and_not_longer(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT' WHERE email = 'Me@Example.com'")
    await add(world, "3")
    await add(world, "5")
    day, quarter = datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=15)
    await put_rate(world.owner, "EUR", day - timedelta(hours=1), "0.5")
    await put_rate(world.owner, "USDT", day - timedelta(hours=1), "1")
    for number in range(4):
        await put_candle(world.owner, "1", day + number * quarter, 100.0, 100.0)
        await put_candle(world.owner, "3", day + number * quarter, *((5.0, 5.0) if number < 2 else (10.0, 10.0)))
    await put_candle(world.owner, "5", day, 7.0, 7.0)
    changed = """INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)
                 SELECT hopper_id, user_id, 'base-changed', 'EUR', 'USDT', $1 FROM hoppers WHERE hopper_id = '3'"""
    await world.owner.execute(changed, day + 2 * quarter)
    await world.owner.execute("UPDATE hoppers SET unlinked_at = $1 WHERE hopper_id = '5'", day + 2 * quarter)
    await world.sign_in()
    answer = await world.ask(_CANDLES, since="2026-03-02", until="2026-03-02", resolution="15")
    assert "errors" not in answer, answer
    assert answer["data"]["analytics"]["candles"]["close"] == [117.0, 117.0, 110.0, 110.0]


async def test_candles_of_one_and_of_several(world: World) -> None:
    await world.owner.execute("UPDATE users SET zone = 'Asia/Kolkata' WHERE email = 'Me@Example.com'")
    await add(world, "3", "USD")
    day = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)  # midnight in Kolkata
    await put_rate(world.owner, "EUR", day - timedelta(hours=1), "0.5")
    await put_rate(world.owner, "USDT", day - timedelta(hours=1), "1")
    prices = [100.0, 110.0, 90.0, 95.0, 120.0]
    for number in range(4):
        at = day + timedelta(minutes=15 * number)
        await put_candle(world.owner, "1", at, prices[number], prices[number + 1])
        await put_candle(world.owner, "3", at, 10.0, 10.0)
    await world.sign_in()
    asked: dict[str, Any] = {"since": "2026-03-02", "until": "2026-03-02"}

    async def told(**more: Any) -> dict[str, Any]:
        answer = await world.ask(_CANDLES, **asked, **more)
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"]["analytics"]["candles"]
        return found

    own = await told(hoppers=["1"], currency="USDT", resolution="60")
    assert own["at"] == ["2026-03-01T18:30:00Z"]
    assert [own[name] for name in ("open", "high", "low", "close")] == [[100.0], [120.0], [90.0], [120.0]]
    assert own["isSum"] is False
    assert own["asOf"] == "2026-03-01T19:30:00Z"
    euro = await told(hoppers=["1"], currency="EUR", resolution="1D")
    assert euro["at"] == ["2026-03-02T00:00:00Z"]
    assert [euro[name] for name in ("open", "high", "low", "close")] == [[50.0], [60.0], [45.0], [60.0]]
    both = await told(currency="USDT", resolution="15")
    assert both["close"] == [120.0, 100.0, 105.0, 130.0]
    assert both["isSum"] is True
    hidden = await told(currency="USDT", resolution="15", masked=True)
    assert hidden["close"] == [None] * 4
    assert hidden["at"] == both["at"]
    assert (await told(hoppers=["1"], currency="XYZ", resolution="15"))["at"] == [], "nobody told what it is worth"
    refused = await world.ask(_CANDLES, since="2026-01-01", until="2026-03-02", resolution="15")
    assert code_of(refused) == "INVALID"
    assert code_of(await world.ask(_CANDLES, resolution="7")) == "INVALID"
