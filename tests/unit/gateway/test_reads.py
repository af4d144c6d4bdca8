"""Equal reads are one, failures are tried again while that may help, and no caller waits for nothing."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway.budget import Budget
from gateway.custody import Custody, FileKeys
from gateway.ports import Grant, Late, SignIn, TokenRefused, Upstream
from gateway.reads import Reads
from tests.unit.gateway.clock import HandClock, settled

USER, HOPPER = UserId("u"), HopperId("501")
NOW = timedelta(0)


@dataclass
class MemoryTokens:
    """Tables ``custody`` in memory; ``away`` makes that many next calls fail."""

    rows: dict[UserId, SealedToken] = field(default_factory=dict)
    hoppers: set[tuple[UserId, HopperId]] = field(default_factory=set)
    away: int = 0
    locks: dict[UserId, asyncio.Lock] = field(default_factory=dict)

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")

    async def of(self, user: UserId) -> SealedToken | None:
        self._answer()
        return self.rows.get(user)

    @asynccontextmanager
    async def held(self, user: UserId) -> AsyncIterator[Any]:
        async with self.locks.setdefault(user, asyncio.Lock()):
            if user not in self.rows:
                raise NotFound("no account is linked")
            yield _Held(self, self.rows[user])

    async def link(self, token: SealedToken) -> None:
        self.rows[token.user] = token

    async def renew(self, token: SealedToken) -> None:
        self._answer()
        if self.rows[token.user].linked_at == token.linked_at:
            self.rows[token.user] = token

    async def has_hopper(self, user: UserId, hopper: HopperId) -> bool:
        return (user, hopper) in self.hoppers


@dataclass
class _Held:
    tokens: MemoryTokens
    token: SealedToken

    async def renew(self, token: SealedToken) -> None:
        await self.tokens.renew(token)

    async def revoke(self) -> None:
        self.tokens.rows[self.token.user] = replace(self.token, is_revoked=True)


@dataclass
class FakeCryptohopper:
    """Answers assets with what is queued, else 1 BTC; each answer takes ``seconds``."""

    clock: HandClock
    queued: deque[CryptwireError] = field(default_factory=deque)
    seconds: float = 0
    asked: list[str] = field(default_factory=list)
    renewed: int = 0
    is_revoked: bool = False

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        self.asked.append(token)
        await self.clock.sleep(min(timedelta(seconds=self.seconds), timeout))
        if timeout < timedelta(seconds=self.seconds):
            raise Unavailable("not in time")
        if self.queued:
            raise self.queued.popleft()
        return {Asset("BTC"): Decimal(1)}

    async def link(self, code: str, redirect_uri: str) -> Grant:
        return Grant("first", "refresh-0", ("read",), timedelta(hours=1))

    async def renew(self, refresh: str) -> Grant:
        await self.clock.sleep(timedelta(seconds=1))
        if self.is_revoked or refresh != f"refresh-{self.renewed}":
            raise LinkAgain("invalid_grant")
        self.renewed += 1
        return Grant(f"access-{self.renewed}", f"refresh-{self.renewed}", (), timedelta(hours=1))


@dataclass
class Stage:
    clock: HandClock
    tokens: MemoryTokens
    upstream: FakeCryptohopper
    custody: Custody
    reads: Reads

    def ask(self, within: float = 20, max_age: float = 0) -> "asyncio.Task[Any]":
        until = self.clock.now() + timedelta(seconds=within)
        return asyncio.create_task(self.reads.assets(USER, HOPPER, timedelta(seconds=max_age), until))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    path.write_text("5a" * 32)
    clock, tokens, meters = HandClock(), MemoryTokens(), Meters()
    upstream = FakeCryptohopper(clock)
    table = cast("Tokens", tokens)
    custody = Custody(table, FileKeys(path), cast("SignIn", upstream), clock, meters)
    await custody.link(USER, "code", "there")
    tokens.hoppers.add((USER, HOPPER))
    reads = Reads(
        table, custody, cast("Upstream", upstream), Budget(clock, 30, 6), clock, meters, timedelta(seconds=15)
    )
    return Stage(clock, tokens, upstream, custody, reads)


async def test_equal_reads_are_one_request(stage: Stage) -> None:
    stage.upstream.seconds = 1
    asked = [stage.ask() for _ in range(50)]
    await stage.clock.turn(2)
    assert len({id(read) for read in await asyncio.gather(*asked)}) == 1
    assert len(stage.upstream.asked) == 1


async def test_an_answer_is_as_old_as_its_request(stage: Stage) -> None:
    stage.upstream.seconds = 3
    began = stage.clock.now()
    asked = stage.ask()
    await stage.clock.turn(5)
    assert (await asked).at == began
    young, old = stage.ask(max_age=5), stage.ask(max_age=4)
    await stage.clock.turn(5)
    assert (await young).at == began
    assert (await old).at > began


async def test_who_leaves_does_not_end_the_read_of_others_and_the_last_one_does(stage: Stage) -> None:
    stage.upstream.seconds = 5
    leaves, stays = stage.ask(), stage.ask()
    await stage.clock.turn(1)
    leaves.cancel()
    await stage.clock.turn(5)
    assert (await stays).value
    alone = stage.ask()
    await settled()
    alone.cancel()
    await settled()
    fresh = stage.ask()
    await stage.clock.turn(6)
    assert (await fresh).value
    assert len(stage.upstream.asked) == 3


async def test_who_waits_longer_than_the_first_is_not_given_up_with_him(stage: Stage) -> None:
    stage.upstream.seconds = 3
    hasty, patient = stage.ask(within=2), stage.ask(within=10)
    await stage.clock.turn(2)
    with pytest.raises((Late, Unavailable)):
        await hasty
    await stage.clock.turn(8)
    assert (await patient).value


async def test_failures_are_tried_again_four_times_at_most(stage: Stage) -> None:
    stage.upstream.queued.extend([Unavailable("502")] * 3)
    asked = stage.ask()
    await stage.clock.turn(10)
    assert (await asked).value
    stage.upstream.queued.extend([Unavailable("502")] * 9)
    asked = stage.ask()
    await stage.clock.turn(10)
    with pytest.raises(Unavailable, match="502"):
        await asked
    assert len(stage.upstream.asked) == 8


async def test_no_pause_goes_beyond_the_deadline(stage: Stage) -> None:
    stage.upstream.queued.extend([Unavailable("502")] * 9)
    asked = stage.ask(within=0.1)
    await settled()
    with pytest.raises(Unavailable, match="502"):
        await asked
    assert len(stage.upstream.asked) == 1


@pytest.mark.parametrize("error", [Forbidden("x"), NotFound("x"), Invalid("x")])
async def test_a_refusal_is_not_tried_again(stage: Stage, error: CryptwireError) -> None:
    stage.upstream.queued.append(error)
    with pytest.raises(type(error)):
        await stage.ask()
    assert len(stage.upstream.asked) == 1


async def test_too_much_is_waited_out_within_the_deadline(stage: Stage) -> None:
    stage.upstream.queued.append(Exhausted("429", 7))
    asked = stage.ask()
    await stage.clock.turn(6)
    assert not asked.done()
    await stage.clock.turn(1)
    assert (await asked).value
    stage.upstream.queued.append(Exhausted("429", 30))
    with pytest.raises(Exhausted) as refused:
        await stage.ask()
    assert refused.value.retry_after == 30


async def test_a_refused_token_is_renewed_and_the_read_goes_on(stage: Stage) -> None:
    stage.upstream.queued.append(TokenRefused("401"))
    asked = stage.ask()
    await stage.clock.turn(2)
    assert (await asked).value
    assert stage.upstream.asked == ["first", "access-1"]


async def test_a_new_token_that_is_refused_as_well_is_not_renewed_again_and_again(stage: Stage) -> None:
    """A fault of upstream that answers 401 to everybody must neither end links nor spend refresh tokens."""
    for _ in range(3):
        stage.upstream.queued.extend([TokenRefused("401")] * 2)
        asked = stage.ask()
        await stage.clock.turn(5)
        with pytest.raises(Unavailable, match="just given"):
            await asked
        stage.upstream.queued.clear()
    assert stage.upstream.renewed == 1
    assert not stage.tokens.rows[USER].is_revoked


async def test_a_link_that_is_not_accepted_any_more_is_remembered(stage: Stage) -> None:
    stage.upstream.queued.append(TokenRefused("401"))
    stage.upstream.is_revoked = True
    asked = stage.ask()
    await stage.clock.turn(2)
    with pytest.raises(LinkAgain):
        await asked
    count = len(stage.upstream.asked)
    with pytest.raises(LinkAgain):
        await stage.ask()
    assert len(stage.upstream.asked) == count


async def test_a_rotated_token_is_saved_however_often_the_database_fails(stage: Stage) -> None:
    stage.tokens.rows[USER] = replace(stage.tokens.rows[USER], expires_at=stage.clock.now())
    asked = stage.ask()
    await settled()
    stage.tokens.away = 5
    await stage.clock.turn(10)
    assert (await asked).value
    assert stage.upstream.asked == ["access-1"]
    assert stage.tokens.rows[USER].expires_at > stage.clock.now()


async def test_a_renewal_does_not_overwrite_a_link_made_meanwhile(stage: Stage) -> None:
    stage.tokens.rows[USER] = replace(stage.tokens.rows[USER], expires_at=stage.clock.now())
    asked = stage.ask()
    await stage.clock.turn(0.5)
    await stage.custody.link(USER, "code", "there")
    linked = stage.tokens.rows[USER]
    await stage.clock.turn(2)
    await asked
    assert stage.tokens.rows[USER] == linked


async def test_a_stranger_is_told_nothing(stage: Stage) -> None:
    until: datetime = stage.clock.now() + timedelta(seconds=5)
    for user, hopper in ((UserId("v"), HOPPER), (USER, HopperId("502"))):
        with pytest.raises(NotFound, match="there is no hopper"):
            await stage.reads.assets(user, hopper, NOW, until)
    assert stage.upstream.asked == []
