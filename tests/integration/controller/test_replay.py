"""A rule set over a hopper's stored candles: asked of a real controller, whose figures a real analyser computes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analyser.main import main as analyse
from analyser.settings import Settings as AnalyserSettings
from controller.logic.replay import FEE
from cryptwire.clock import SystemClock
from cryptwire.codec.ohlcv import Ohlcv, refusal_to_wire, reply_to_wire, request_from_wire
from cryptwire.codec.rule_answers import Replay, replay_from_json
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, NotFound
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage.candles import Candles
from cryptwire.storage.database import url_of
from devstack.servers import Servers
from tests.integration.controller.conftest import PANIC, POD, Scene
from tests.integration.gateway.conftest import HOPPER

BEGINS = datetime(2025, 5, 5, tzinfo=UTC)
PAIR = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
AT_ONCE = {"ticks": 1, "seconds": 0}
STOP = {"rule": "trailing-stop", "arm_at": 0, "trail": 0.2, "confirm": {"ticks": 2, "seconds": 60}}


def value(number: int) -> float:
    """At each candle's end: a wave, and at candle 400 a fall by a third."""
    return (1000 + 50 * math.sin(number / 30)) * (1.0 if number < 400 else 2 / 3)


def candles(count: int, *missing: int, partial: tuple[int, ...] = ()) -> list[Candle]:
    made = []
    for number in set(range(count)) - set(missing):
        open_, close = value(number - 1), value(number)
        at = BEGINS + number * SPAN
        quality = Quality.PARTIAL if number in partial else Quality.COMPLETE
        gap = timedelta(seconds=5 if number in partial else 0)
        low, high = min(open_, close) - 1, max(open_, close) + 1
        made.append(Candle(HOPPER, at, open_, high, low, close, gap, quality))
    return made


@asynccontextmanager
async def analyser(scene: Scene, servers: Servers, database_url: str) -> AsyncIterator[None]:
    """With the rights of an analyser and no more."""
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    settings = AnalyserSettings(
        pod=POD,
        database_url=url_of("analyser", database_url),
        redis_url=scene.settings.redis_url,
        nats_url=servers.nats.url("analyser"),
    )
    task = asyncio.create_task(analyse(settings, runtime))
    try:
        async with asyncio.timeout(40):
            while not runtime.health.is_ready:
                if task.done():
                    await task
                await asyncio.sleep(0.01)
        yield
    finally:
        runtime.stop.set()
        await asyncio.wait_for(task, 10)


async def replayed(
    scene: Scene, one: RuleSet | None, days: float, body: Any = None, begins: datetime = BEGINS
) -> Replay:
    asked = {"since": begins.isoformat(), "until": (begins + timedelta(days=days)).isoformat()}
    return replay_from_json(await scene.ask("replay", one, asked | ({} if body is None else {"body": body})))


async def is_marked(scene: Scene, one: RuleSet) -> bool:
    at = await scene.owner.value("SELECT replayed_at FROM rule_sets WHERE rule_set_id = $1::text::uuid", one.id)
    return at is not None


@pytest.fixture
async def settled(scene: Scene, servers: Servers, database_url: str) -> AsyncIterator[Scene]:
    """Controller and analyser at work; 500 candles, of which two are missing and one is partial."""
    scene.settings = type(scene.settings)(
        **{
            **{name: getattr(scene.settings, name) for name in type(scene.settings).__dataclass_fields__},
            "nats_url": servers.nats.url("controller"),
        }
    )
    await Candles(scene.owner).write(candles(500, 100, 101, partial=(200,)))
    async with analyser(scene, servers, database_url), scene.controller():
        yield scene


async def test_R22_a_replay_tells_when_it_would_have_fired_and_marks_the_version(settled: Scene) -> None:
    one = await settled.rule_set((PANIC,), (STOP,), Mode.SHADOW)
    await settled.phase(one, "watching")
    told = await replayed(settled, one, 500 / 96)
    (fired,) = told.fires
    # the peak is some 1050 and the stop 840; the low of candle 400, its third point, is the first below it
    assert fired.at == BEGINS + 400 * SPAN + SPAN - timedelta(milliseconds=1)
    assert fired.value == value(400)
    assert told.saved == pytest.approx(value(400) * (1 - FEE) - value(499))
    assert told.candles == 497
    assert told.is_approximation
    words = " ".join(told.words)
    assert "498 candles of fifteen minutes, 1 partial (they tell nothing) and 2 missing." in words
    assert "This is an approximation" in words
    assert await is_marked(settled, one)
    changes = await settled.owner.fetch("SELECT kind FROM rule_set_changes ORDER BY change_id")
    assert [row["kind"] for row in changes][-1] == "replayed"


async def test_R22_a_draft_is_replayed_before_anybody_watches_it(settled: Scene) -> None:
    one = await settled.rule_set((PANIC,), (STOP,), Mode.OFF)
    assert len((await replayed(settled, one, 500 / 96)).fires) == 1
    assert await is_marked(settled, one)
    state = await settled.owner.value("SELECT count(*) FROM rule_states")
    assert state == 0, "a replay is no watching"


async def test_R22_less_than_a_day_is_told_and_marks_nothing(settled: Scene) -> None:
    one = await settled.rule_set((PANIC,), (STOP,), Mode.SHADOW)
    await settled.phase(one, "watching")
    told = await replayed(settled, one, 0.9)
    assert told.candles == 87
    assert not await is_marked(settled, one)
    empty = await replayed(settled, one, 30, begins=BEGINS - timedelta(days=40))
    assert empty.candles == 0
    assert "There are no candles of the hopper in that time." in empty.words
    assert not await is_marked(settled, one)


async def test_R7_a_deposit_neither_arms_nor_is_missed(settled: Scene) -> None:
    """What came doubles the balance from candle 300 on; the index, and where it fires, are as they were."""
    at = BEGINS + 300 * SPAN
    rows = candles(500, *range(300))
    doubled = [
        Candle(HOPPER, one.opened_at, 2 * one.open, 2 * one.high, 2 * one.low, 2 * one.close, one.gap, one.quality, 5)
        for one in rows
    ]
    await Candles(settled.owner).write(doubled)
    await settled.owner.execute(
        "INSERT INTO flows (flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state,"
        " decided_by, decided_at) VALUES (gen_random_uuid(), 1, $1, $2, 'USDT', $3, 1, $4, 'deposit', 'confirmed',"
        " 'user', $2)",
        HOPPER,
        at,
        value(299),
        value(299),
    )
    arms = {**STOP, "arm_at": 0.3}
    body = {"name": "x", "when": [arms], "then": [PANIC]}
    assert not (await replayed(settled, None, 5, body)).fires
    told = await replayed(settled, None, 500 / 96, {**body, "when": [STOP]})
    (fired,) = told.fires
    assert fired.at == BEGINS + 400 * SPAN + SPAN - timedelta(milliseconds=1)
    assert fired.value == 2 * value(400)
    assert f"(index {value(400):.1f}" in fired.words[0]


async def test_figures_of_the_past_over_many_pages(settled: Scene) -> None:
    """RSI of hours falls below 20 within the fall and not before it."""
    figure = {"figure": "rsi(length=3)@60"}
    rules = [
        {"rule": "compare", "left": figure, "is": "below", "right": 20, "confirm": AT_ONCE},
        {"rule": "drawdown", "fall": 0.2, "minutes": 1440, "confirm": AT_ONCE},
    ]
    told = await replayed(settled, None, 500 / 96, {"name": "x", "when": rules, "then": [PANIC]})
    (fired,) = told.fires
    assert BEGINS + 400 * SPAN < fired.at < BEGINS + 401 * SPAN
    assert fired.words[1].startswith("Rsi(length=3)@60 is")


async def test_a_pair_is_read_from_its_exchange_or_the_replay_says_that_it_cannot_be(settled: Scene) -> None:
    change = {"rule": "pair-change", "pair": "binance:BTC/USDT", "change": -0.1, "minutes": 60, "confirm": AT_ONCE}
    body = {"name": "x", "when": [change], "then": [PANIC]}
    is_there = [False]

    async def answer(message: Message) -> None:
        request = request_from_wire(message.payload)
        if not is_there[0]:
            await settled.bus.publish(message.reply, refusal_to_wire("binance has no such spot pair", retryable=False))
            return
        assert request.timeframe == "15m"
        rows: list[Ohlcv] = []
        for number in range(-10, 500):
            at = BEGINS + number * SPAN
            if at >= request.since and len(rows) < min(request.limit, 200):  # as few at once as some exchanges give
                price = 100.0 if number < 250 else 80.0
                rows.append(Ohlcv(at, price, price, price, price, 1.0))
        await settled.bus.publish(message.reply, reply_to_wire(rows))

    end = await settled.bus.subscribe(LIVE.candles(PAIR), answer)
    silent = await replayed(settled, None, 500 / 96, body)
    assert not silent.fires
    assert silent.candles == 0
    assert "The past of binance BTC/USDT cannot be had" in " ".join(silent.words)
    is_there[0] = True
    told = await replayed(settled, None, 500 / 96, body)
    await end()
    (fired,) = told.fires
    assert fired.at == BEGINS + 250 * SPAN


async def test_R3_what_cannot_be_told_or_is_too_long_is_refused(settled: Scene) -> None:
    count = {"rule": "positions", "is": "above", "count": 1}
    with pytest.raises(Invalid, match="rule 1 reads positions"):
        await replayed(settled, None, 5, {"name": "x", "when": [count], "then": [PANIC]})
    with pytest.raises(Invalid, match="366 days"):
        await replayed(settled, None, 367, {"name": "x", "when": [STOP], "then": [PANIC]})
    with pytest.raises(Invalid, match="since is before until"):
        await replayed(settled, None, -1, {"name": "x", "when": [STOP], "then": [PANIC]})
    with pytest.raises(NotFound):
        await settled.ask("replay", None, {"since": "2025-05-05T00:00:00Z"}, user="somebody")


async def test_after_a_change_of_currency_only_what_came_then_is_told(settled: Scene) -> None:
    at = BEGINS + 450 * SPAN
    await settled.owner.execute(
        "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
        " VALUES ($1, $2::text::uuid, 'base-changed', 'BTC', 'USDT', $3)",
        HOPPER,
        settled.user,
        at,
    )
    told = await replayed(settled, None, 500 / 96, {"name": "x", "when": [STOP], "then": [PANIC]})
    assert told.since == at
    assert not told.fires
    assert told.candles == 50
