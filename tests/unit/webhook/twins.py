"""What the receiver talks to, played in memory."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import CryptwireError

START = datetime(2026, 1, 1, tzinfo=UTC)
USER = UserId("00000000-0000-0000-0000-000000000001")


def hopper(id: str) -> Hopper:
    return Hopper(HopperId(id), USER, "A", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=5))


def trade(hopper: str, id: str, at: datetime = START) -> Trade:
    pair = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    one = Decimal(1)
    return Trade(HopperId(hopper), TradeId(id), pair, Side.BUY, one, one, one, Decimal(0), Asset("USDT"), at)


class HandClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, span: timedelta) -> None:
        if span <= timedelta(0):
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + span, waiting))
        await waiting

    async def turn(self, seconds: float = 0) -> None:
        """Let so many seconds pass, and what they woke run."""
        await settled()
        self._now += timedelta(seconds=seconds)
        for until, waiting in self._sleepers:
            if until <= self._now and not waiting.done():
                waiting.set_result(None)
        await settled()


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class TwinList:
    """A trade list; ``trouble`` is raised, one a call, before it answers again."""

    def __init__(self, trades: Sequence[Trade] = ()) -> None:
        self.trades = list(trades)
        self.asked: list[tuple[HopperId, datetime]] = []
        self.trouble: dict[HopperId, list[CryptwireError]] = {}

    async def since(self, user: UserId, hopper: HopperId, since: datetime) -> list[Trade]:
        assert user == USER
        self.asked.append((hopper, since))
        if self.trouble.get(hopper):
            raise self.trouble[hopper].pop(0)
        return [trade for trade in self.trades if trade.hopper == hopper and trade.at >= since]


class TwinHoppers:
    def __init__(self, *ids: str) -> None:
        self._hoppers = {HopperId(id): hopper(id) for id in ids}

    async def by_id(self, hoppers: list[HopperId]) -> dict[HopperId, Hopper]:
        return {id: self._hoppers[id] for id in hoppers if id in self._hoppers}


class TwinTrades:
    def __init__(self) -> None:
        self.kept: list[Trade] = []

    async def last_at(self, hopper: HopperId) -> datetime | None:
        return max((trade.at for trade in self.kept if trade.hopper == hopper), default=None)

    async def add(self, trades: Sequence[Trade]) -> list[Trade]:
        known = {(trade.hopper, trade.id) for trade in self.kept}
        added = [trade for trade in trades if (trade.hopper, trade.id) not in known]
        self.kept.extend(added)
        return added


class TwinHints:
    """When something was heard of whom; ``trouble`` is raised, one a call, before anything is noted."""

    def __init__(self) -> None:
        self.kept: list[tuple[HopperId, datetime]] = []
        self.trouble: list[CryptwireError] = []

    async def heard(self, hopper: HopperId, at: datetime) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.kept.append((hopper, at))


class TwinBus:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def publish(self, subject: str, payload: bytes) -> None:
        self.told.append(subject)
