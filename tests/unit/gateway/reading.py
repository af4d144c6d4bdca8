"""What reads lean on, in memory: the link, the budget, upstream; a test holds back whatever it wants."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from cryptwire.clock import EPOCH
from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import CryptwireError, LinkAgain, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import Tokens
from gateway.custody import Custody
from gateway.ports import Rows, TradePage, Upstream, Urgency
from gateway.reads import Reads
from tests.unit.gateway.clock import HandClock

USER, HOPPER = UserId("u"), HopperId("501")
PAIR = Pair(Exchange("kraken"), Asset("BTC"), Asset("USDT"))


@dataclass
class MemoryTokens:
    """Which hoppers are linked, and their generations."""

    linked: dict[tuple[UserId, HopperId], int] = field(default_factory=dict)

    async def generation(self, user: UserId, hopper: HopperId) -> int | None:
        return self.linked.get((user, hopper))

    async def generations(self, user: UserId) -> str:
        return str(sorted(item for item in self.linked.items() if item[0][0] == user))

    async def keep_hoppers(self, user: UserId, hoppers: list[HopperId]) -> None:
        for hopper in hoppers:
            self.linked.setdefault((user, hopper), 0)


@dataclass
class Link:
    is_revoked: bool
    expires_at: datetime


@dataclass
class MemoryCustody:
    """Tokens are called token-0, token-1, …; each renewal takes ``seconds``."""

    clock: HandClock
    log: list[str]
    link: Link | None = None
    number: int = 0
    seconds: float = 1

    async def link_of(self, user: UserId) -> Link | None:
        return self.link

    async def must_be_linked(self, user: UserId) -> None:
        if self.link is None or self.link.is_revoked:
            raise LinkAgain("link again")

    async def access(self, user: UserId, refused: str | None = None) -> str:
        await self.must_be_linked(user)
        assert self.link is not None
        if self.link.expires_at <= self.clock.now() or refused == f"token-{self.number}":
            await self.clock.sleep(timedelta(seconds=self.seconds))
            self.number += 1
            self.link.expires_at = self.clock.now() + timedelta(hours=1)
            self.log.append("renewed")
        return f"token-{self.number}"


@dataclass
class MemoryBudget:
    """Turns come at once, but for the urgencies that are held back, until ``release``; ``refusal`` refuses these."""

    log: list[str]
    held_back: set[Urgency] = field(default_factory=set)
    refusal: dict[Urgency, CryptwireError] = field(default_factory=dict)
    waiting: list[tuple[Urgency, asyncio.Future[None]]] = field(default_factory=list)
    holds: list[float] = field(default_factory=list)

    async def take(self, user: UserId, until: datetime, urgency: Urgency, *, is_order: bool = False) -> None:
        if urgency in self.refusal:
            raise self.refusal[urgency]
        if urgency in self.held_back:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append((urgency, turn))
            try:
                await turn
            finally:
                self.waiting.remove((urgency, turn))
        self.log.append(urgency.name)

    async def hold(self, user: UserId, seconds: float) -> None:
        self.holds.append(seconds)

    def release(self) -> None:
        self.held_back.clear()
        for _, turn in list(self.waiting):
            turn.set_result(None)


@dataclass
class MemoryUpstream:
    """Answers with what is queued, else with its data; each answer takes ``seconds``."""

    clock: HandClock
    log: list[str]
    queued: deque[CryptwireError] = field(default_factory=deque)
    seconds: float = 0
    is_away: bool = False
    asked: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    trade_list: list[Trade] = field(default_factory=list)  # newest first
    heeds_offset: bool = True
    heeds_since: bool = True
    spoilt: int = 0
    """So many lists from now on have a row that cannot be read."""
    spoils_all: bool = False
    """No other row can be, either."""

    def check(self) -> None:
        if self.is_away:
            raise Unavailable("upstream is away")

    async def _answer(self, call: str, token: str, timeout: timedelta) -> None:
        self.asked.append(token)
        self.calls.append(call)
        self.log.append("sent")
        await self.clock.sleep(min(timedelta(seconds=self.seconds), timeout))
        if timeout < timedelta(seconds=self.seconds):
            raise Unavailable("not in time")
        if self.queued:
            raise self.queued.popleft()

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        await self._answer("assets", token, timeout)
        return {Asset("BTC"): Decimal(1)}

    async def hopper(self, token: str, user: UserId, hopper: HopperId, timeout: timedelta) -> LinkedHopper:
        await self._answer("hopper", token, timeout)
        return self.linked(user, hopper)

    async def hoppers(self, token: str, user: UserId, timeout: timedelta) -> list[LinkedHopper]:
        await self._answer("hoppers", token, timeout)
        return [self.linked(user, HOPPER)]

    async def positions(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Position]:
        assert (home.exchange, home.quote) == ("kraken", "USDT")
        await self._answer("positions", token, timeout)
        position = Position("7", Asset("BTC"), home.quote, Decimal(1), Decimal(2), Decimal(2), None)
        self.spoilt -= 1
        if self.spoilt < 0:
            return Rows((position,), 0)
        return Rows((), 1) if self.spoils_all else Rows((position,), 1)

    async def trades(
        self, token: str, hopper: HopperId, home: Pair, since: datetime, offset: int, timeout: timedelta
    ) -> TradePage:
        await self._answer(f"trades {offset}", token, timeout)
        listed = [each for each in self.trade_list if not self.heeds_since or each.at >= since]
        begin = offset if self.heeds_offset else 0
        page = tuple(listed[begin : begin + 500])
        self.spoilt -= 1
        skipped = 1 if self.spoilt >= 0 else 0
        return TradePage(page[skipped:], len(page), len(page) < 500, skipped)

    @staticmethod
    def linked(user: UserId, hopper: HopperId) -> LinkedHopper:
        mine = Hopper(hopper, user, "A", PAIR.exchange, PAIR.quote, False, timedelta(seconds=60))
        return LinkedHopper(mine, True, "hero", None, None)


def trade(number: int, minute: int | None = None) -> Trade:
    """Trade ``number``, by default a minute after the one before."""
    at = EPOCH + timedelta(days=20_000, minutes=number if minute is None else minute)
    one = Decimal(1)
    return Trade(HOPPER, TradeId(str(number)), PAIR, Side.BUY, one, one, one, Decimal("0.001"), PAIR.quote, at)


@dataclass
class Stage:
    clock: HandClock
    log: list[str]
    tokens: MemoryTokens
    custody: MemoryCustody
    budget: MemoryBudget
    upstream: MemoryUpstream
    meters: Meters
    reads: Reads

    def until(self, seconds: float = 20) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    def ask(self, within: float = 20, max_age: float = 0, urgency: Urgency = Urgency.POLL) -> "asyncio.Task[Any]":
        """Read the hopper's assets."""
        read = self.reads.assets(USER, HOPPER, timedelta(seconds=max_age), self.until(within), urgency)
        return asyncio.create_task(read)


def stage() -> Stage:
    clock, log, meters = HandClock(), [], Meters()  # type: ignore[var-annotated]
    tokens = MemoryTokens({(USER, HOPPER): 0})
    custody = MemoryCustody(clock, log, Link(False, clock.now() + timedelta(hours=1)))
    budget, upstream = MemoryBudget(log), MemoryUpstream(clock, log)
    reads = Reads(
        cast("Tokens", tokens),
        cast("Custody", custody),
        cast("Upstream", upstream),
        budget,
        clock,
        meters,
        timedelta(seconds=15),
    )
    return Stage(clock, log, tokens, custody, budget, upstream, meters, reads)
