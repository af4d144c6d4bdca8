"""All of a user's live hoppers as one: sums at the boundary's rates, live too, of his own hoppers alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.messaging.subjects import account
from cryptwire.storage.hoppers import Hoppers
from tests.integration.datafeed.conftest import MINE, THEIRS, World, candle, utc
from tests.integration.datafeed.test_history import QUARTER, walk
from tests.integration.datafeed.test_stream import heard, subscribe

ALL = "HOPPER:ALL"
BITCOIN, PAPER = HopperId("5"), HopperId("6")


def bitcoin_at(moment: datetime) -> float:
    """Dollars for one bitcoin, as published each hour."""
    return 50_000.0 + 100 * moment.hour


async def rates(world: World, first: datetime, last: datetime) -> None:
    """Bitcoin each hour; what a tether is worth nobody tells, so it counts as a dollar."""
    moments = [first + timedelta(hours=n) for n in range(int((last - first) / timedelta(hours=1)) + 1)]
    await world.owner.execute(
        "INSERT INTO market_caps (coin_id, at, rank, price, market_cap)"
        " SELECT 1, at, 1, price, 1 FROM unnest($1::timestamptz[], $2::numeric[]) r (at, price)",
        moments,
        [int(bitcoin_at(moment)) for moment in moments],
    )
    await world.owner.execute(
        "INSERT INTO coins (coin_id, symbol, name, slug, rank, price, market_cap, at, high, high_at)"
        " VALUES (1, 'BTC', 'Bitcoin', 'bitcoin', 1, 1, 1, $1, 1, $1)",
        moments[-1],
    )


async def add(world: World, hopper: HopperId, base: str = "USDT", is_paper: bool = False) -> None:
    one = Hopper(hopper, world.user, f"Bot {hopper}", Exchange("binance"), Asset(base), is_paper, timedelta(seconds=60))
    await Hoppers(world.owner).put(one)


async def history(world: World, resolution: str, symbol: str = ALL, **parameters: Any) -> dict[str, Any]:
    status, body = await world.get("/udf/history", symbol=symbol, resolution=resolution, **parameters)
    assert status == 200, body
    assert isinstance(body, dict)
    return body


async def test_the_sum_over_hoppers_is_the_aggregate_at_the_boundarys_rates(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    await add(world, BITCOIN, "BTC")
    await add(world, PAPER, is_paper=True)
    first, middle, last = utc(2026, 2, 20), utc(2026, 2, 24, 7), utc(2026, 3, 2)
    await rates(world, first - timedelta(hours=1), last)
    mine = walk(first, last)
    theirs = [(at, o / 1000, h / 1000, low / 1000, c / 1000) for at, o, h, low, c in walk(middle, last)]
    for hopper, rows in ((MINE, mine), (BITCOIN, theirs), (PAPER, mine), (THEIRS, mine)):
        await world.store(hopper, rows)
    await world.trade(MINE, "a", middle + timedelta(minutes=20), 100)
    await world.trade(BITCOIN, "b", middle + timedelta(minutes=20), 0.5, quote="BTC")
    expected: dict[int, list[float]] = {}
    for at, opened, _, _, closed in mine:
        expected[int(at.timestamp())] = [opened, closed]
    for at, opened, _, _, closed in theirs:
        hour = at.replace(minute=0)
        end = (at + QUARTER).replace(minute=0)
        expected[int(at.timestamp())][0] += opened * bitcoin_at(hour)
        expected[int(at.timestamp())][1] += closed * bitcoin_at(end)
    to = int(last.timestamp())
    body = await history(world, "15", to=to, countback=5000)
    assert body["t"] == list(expected)
    assert body["o"] == pytest.approx([numbers[0] for numbers in expected.values()], rel=1e-12)
    assert body["c"] == pytest.approx([numbers[1] for numbers in expected.values()], rel=1e-12)
    assert body["h"] == [max(pair) for pair in zip(body["o"], body["c"], strict=True)]
    assert body["l"] == [min(pair) for pair in zip(body["o"], body["c"], strict=True)]
    quarter = body["t"].index(int((middle + QUARTER).timestamp()))
    assert sum(body["v"]) == body["v"][quarter] == 100 + 0.5 * bitcoin_at(middle)
    days = await history(world, "1D", to=to, countback=5)
    evening = body["t"].index(int(utc(2026, 3, 1, 18, 15).timestamp()))
    assert days["c"][-1] == body["c"][evening], "where the day ends in India"
    some = await history(world, "60", to=to, countback=30)
    page = await history(world, "60", to=some["t"][0], countback=30)
    whole = await history(world, "60", to=to, countback=60)
    assert page["t"] + some["t"] == whole["t"]
    assert page["c"] + some["c"] == whole["c"]
    span: dict[str, Any] = {"from": to - 7200, "to": to}
    since = await history(world, "15", **span)
    assert since["c"] == body["c"][-8:]
    _, marks = await world.get("/udf/marks", symbol=ALL, resolution="60", **{"from": 1, "to": to})
    assert [mark["id"] for mark in marks] == ["1:a", "5:b"]


async def test_dollars_alone_are_the_plain_sum_bit_for_bit(world: World) -> None:
    await add(world, BITCOIN)
    first, last = utc(2026, 2, 20), utc(2026, 2, 22)
    await world.store(MINE, walk(first, last))
    await world.store(BITCOIN, walk(first, last))
    to = int(last.timestamp())
    one = await history(world, "15", f"HOPPER:{MINE}", to=to, countback=200)
    other = await history(world, "15", f"HOPPER:{BITCOIN}", to=to, countback=200)
    both = await history(world, "15", to=to, countback=200)
    for name in ("o", "c"):
        assert both[name] == [a + b for a, b in zip(one[name], other[name], strict=True)]


async def test_another_currency_before_is_told_in_that_and_what_has_no_rate_is_named(world: World) -> None:
    first, changed, last = utc(2026, 2, 20), utc(2026, 2, 20, 12), utc(2026, 2, 21)
    await rates(world, first - timedelta(hours=1), world.clock.now())
    await add(world, HopperId("7"), "NOBODYKNOWS")
    await world.store(MINE, [(at, 1, 1, 1, 1) for at, *_ in walk(first, last)])
    await world.owner.execute(
        "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
        " VALUES ('1', $1::text::uuid, 'base-changed', 'BTC', 'USDT', $2)",
        world.user,
        changed,
    )
    body = await history(world, "15", to=int(last.timestamp()), countback=96)
    assert body["o"][:48] == pytest.approx([bitcoin_at(first + n * QUARTER) for n in range(48)])
    assert body["o"][48:] == [1.0] * 48
    _, told = await world.get("/udf/symbols", symbol=ALL)
    assert told["description"] == "All hoppers without Bot 7: no rate is known"
    assert (told["currency_code"], told["ticker"]) == ("USD", ALL)


async def test_the_last_sum_is_live_and_its_wicks_are_of_what_was_told(world: World) -> None:
    now = utc(2026, 3, 4, 10, 14, 30)
    world.clock.set(now)
    await add(world, BITCOIN)
    opened = utc(2026, 3, 4, 10)
    await world.store(MINE, [(opened - QUARTER, 100, 100, 100, 100)])
    await world.store(BITCOIN, [(opened - QUARTER, 10, 10, 10, 10)])
    await world.say_live(candle(MINE, opened, 100, 500, 50, 110), now, volume=3)
    await world.say_live(candle(BITCOIN, opened, 10, 90, 1, 20), now)
    async with world.stream() as socket:
        for resolution in ("15", "60"):
            await subscribe(socket, resolution, ALL)
            bar = (await heard(socket, "bar"))["bar"]
            assert (bar["open"], bar["close"], bar["high"], bar["low"]) == (110, 130, 130, 110)
            assert bar["volume"] == 3
        await world.say_live(candle(MINE, opened, 100, 500, 50, 60), now)
        await world.say_live(candle(BITCOIN, opened, 10, 90, 1, 15), now)
        told = {(bar := await heard(socket, "bar"))["resolution"]: bar for _ in range(2)}
        assert (told["15"]["bar"]["low"], told["15"]["bar"]["high"]) == (75, 130)
        body = await history(world, "15", to=int(now.timestamp()), countback=1)
        assert {key: body[key[0]][0] for key in ("open", "high", "low", "close")} == {
            "open": 110, "high": 130, "low": 75, "close": 75
        }  # fmt: skip
        await world.say_closed(candle(MINE, opened, 100, 500, 50, 70))
        await world.say_closed(candle(BITCOIN, opened, 10, 90, 1, 12))
        finals = {}
        while "15" not in finals:
            bar = await heard(socket, "bar")
            if bar["final"]:
                finals[bar["resolution"]] = bar["bar"]
        assert [finals["15"][name] for name in ("open", "high", "low", "close")] == [110, 130, 75, 82]
        await add(world, HopperId("8"))
        await world.bus.publish(account(world.user), b"")
        assert (await heard(socket, "reset"))["symbol"] == ALL


async def test_the_live_sum_is_for_plans_that_open_it_and_without_hoppers_there_is_nothing(world: World) -> None:
    now = utc(2026, 3, 4, 10, 14, 30)
    world.clock.set(now)
    await world.store(MINE, [(utc(2026, 3, 4, 9, 45), 1, 1, 1, 1)])
    await world.say_live(candle(MINE, utc(2026, 3, 4, 10), 2, 2, 2, 2), now)
    to = int(now.timestamp())
    assert (await history(world, "15", to=to, countback=2))["c"] == [1, 2]
    await world.owner.execute("UPDATE users SET plan = 'free'")
    world.clock.ahead += timedelta(seconds=6)
    await world.say_live(candle(MINE, utc(2026, 3, 4, 10), 2, 2, 2, 2), now)
    assert (await history(world, "15", to=to, countback=2))["c"] == [1]
    async with world.stream() as socket:
        await subscribe(socket, "15", ALL)
        assert (await heard(socket, "error"))["code"] == "forbidden"
    await world.owner.execute("UPDATE hoppers SET is_paper = true")
    assert await history(world, "15", to=to, countback=2) == {"s": "no_data"}
    _, hits = await world.get("/udf/search", query="all")
    assert hits == []
