"""At what the live candle opened, as the tracker tells it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptwire.domain.account import Account
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.messaging.subjects import LIVE
from devstack.servers import Servers
from processor.parts.backfill import LiveCandles
from tracker.logic.shard import Shard

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
HOPPER = Hopper(HopperId("1"), UserId("u"), "n", BTC.exchange, BTC.quote, False, timedelta(seconds=60))


def told(*, since: datetime) -> tuple[bytes, bytes]:
    """Live messages of the candle opened at ``T - SPAN``, and of the next, by a shard that has the hopper ``since``."""
    shard = Shard(SPAN, fresh=timedelta(days=1))
    shard.begin(int((T - SPAN).timestamp() * 1e6))
    shard.on_price(int(since.timestamp() * 1e6), BTC, 50.0)
    shard.take_in(HOPPER, 1, Account(HOPPER.id, since, {BTC.base: Decimal(2)}, ()), since)
    messages = []
    for at, price in ((T - timedelta(seconds=3), 60.0), (T + timedelta(seconds=3), 70.0)):
        shard.on_price(int(at.timestamp() * 1e6), BTC, price)
        messages += [payload for _, payload in shard.live(at)]
    return messages[0], messages[1]


@pytest.fixture
async def buses(servers: Servers) -> AsyncIterator[tuple[NatsBus, NatsBus]]:
    async with (
        messaging.connect(servers.nats.url("processor"), "processor") as ours,
        messaging.connect(servers.nats.url("tracker"), "tracker") as theirs,
    ):
        yield ours, theirs


async def answer(buses: tuple[NatsBus, NatsBus], opened_at: datetime, *messages: bytes) -> float | None:
    ours, theirs = buses
    asking = asyncio.create_task(LiveCandles(ours).opening(HOPPER.id, opened_at))
    await asyncio.sleep(0.1)
    await ours.flush()
    for message in messages:
        await theirs.publish(LIVE.live(HOPPER.id), message)
    await theirs.flush()
    return await asyncio.wait_for(asking, 10)


async def test_it_opened_where_the_one_before_closed_also_when_that_is_still_told(
    buses: tuple[NatsBus, NatsBus],
) -> None:
    before, live = told(since=T - SPAN)
    assert await answer(buses, T, before, b"nonsense", live) == 120.0


async def test_a_candle_that_was_not_seen_from_its_beginning_or_is_another_tells_nothing(
    buses: tuple[NatsBus, NatsBus],
) -> None:
    late, live = told(since=T - timedelta(minutes=5))
    assert await answer(buses, T - SPAN, late) is None
    assert await answer(buses, T - SPAN, live) is None


async def test_without_a_tracker_nothing_is_told(buses: tuple[NatsBus, NatsBus]) -> None:
    assert await answer(buses, T) is None
