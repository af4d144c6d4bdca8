"""The rate budget of each token, shared by every gateway: whose turn it is, and how the others wait for theirs."""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, CryptwireError, Exhausted, Invalid, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.rate_budget import LEASE, Answer, Limits, RateBudget, Verdict
from cryptwire.tasks import end
from gateway.ports import Urgency
from gateway.settings import Settings

_log = log.Log(__name__)
_JOURNEY = timedelta(seconds=1)  # requests do not all travel equally long, so a window is longer than upstream's
_BEAT = LEASE / 3
_PATIENCE = 1.0  # seconds that Redis may take before it counts as away
_AT_ONCE = 16  # calls to Redis
_AGAIN = timedelta(seconds=0.5)  # while Redis is away
_NOTICED = timedelta(milliseconds=20)  # a turn that moved by less is not worth waking for
_AFTER = timedelta(milliseconds=1)  # the moment itself, in a clock that may be a little behind
_MANY = 10_000
_NONE = timedelta(0)

T = TypeVar("T")


def limits(settings: Settings) -> Limits:
    """What a token may do, with a second more for the journey. Raises Invalid when nothing is left for reads."""
    if not 0 <= settings.reserved_per_window < settings.requests_per_window or settings.orders_per_window < 1:
        raise Invalid(
            "CRYPTWIRE_GATEWAY_RESERVED_PER_WINDOW must be below CRYPTWIRE_GATEWAY_REQUESTS_PER_WINDOW, and "
            "CRYPTWIRE_GATEWAY_ORDERS_PER_WINDOW above 0"
        )
    return Limits(
        settings.requests_per_window,
        settings.reserved_per_window,
        settings.request_window + _JOURNEY,
        settings.orders_per_window,
        settings.order_window + _JOURNEY,
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request of this process; ``is_alone``: it went while Redis was away."""

    id: str
    at: datetime
    is_order: bool
    is_alone: bool


@dataclass(slots=True)
class _Own:
    """What this process knows of a user: its own requests, oldest first, and upstream's "not before"."""

    sent: deque[_Sent] = field(default_factory=deque)
    held_until: datetime | None = None

    def forget(self, before: datetime) -> None:
        while self.sent and self.sent[0].at <= before:
            self.sent.popleft()


@dataclass(slots=True, eq=False)
class _Waiter:
    """One who waits until ``due``, and not beyond ``until``; ``woken`` gives the span that is left."""

    due: datetime
    until: datetime
    woken: asyncio.Future[timedelta]

    def wake(self, left: timedelta) -> None:
        if not self.woken.done():
            self.woken.set_result(left)


class TokenBudget:
    """Sliding windows a token, kept in Redis; within a token the order of all gateways is by urgency, then by arrival.

    A turn costs one round trip when it is there; who waits makes another when it has come, and a third when somebody
    more urgent went before meanwhile. One round trip in half a second, for all users together, tells Redis who still
    waits here, and brings how long.

    While Redis is away reads are refused and actions go by what this process alone has sent: ``reserved`` of them in a
    window. What it sent is remembered here too and told to a Redis that has forgotten it.
    """

    def __init__(self, table: RateBudget, clock: Clock, meters: Meters) -> None:
        self._table = table
        self._limits = table.limits
        self._clock = clock
        self._meters = meters
        self._name = secrets.token_hex(6)
        self._number = 0
        self._own: dict[UserId, _Own] = {}
        self._waiting: dict[UserId, dict[str, _Waiter]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._away_until: datetime | None = None
        self._beat: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def take(self, user: UserId, until: datetime, urgency: Urgency, *, is_order: bool = False) -> None:
        """As the port says."""
        self._number += 1
        who = f"{self._name}:{self._number:012d}{'o' if is_order else 'r'}"
        began = self._clock.now()
        place = 0
        try:
            while True:
                answer = await self._ask(user, who, until, urgency, place)
                place = answer.place
                if answer.verdict is Verdict.WAITS:
                    await self._wait(user, who, answer.wait + _AFTER, until)
                    continue
                if answer.verdict is Verdict.REFUSED:
                    wait = answer.wait.total_seconds()
                    raise Exhausted(f"the request budget is used up; again in {wait:.0f} s", wait)
                break
        except CryptwireError as error:
            self._count(urgency, type(error).__name__)
            raise
        except asyncio.CancelledError:
            self._count(urgency, "left")
            self._leave(user, who)
            raise
        self._count(urgency, "granted")
        waited = (self._clock.now() - began).total_seconds()
        self._meters.observe("gateway_budget_wait", "Seconds until a turn came", waited, urgency=urgency.name)

    async def hold(self, user: UserId, seconds: float) -> None:
        """As the port says; told to Redis again with the next turn when it is away."""
        own = self._known(user)
        span = timedelta(seconds=seconds)
        until = self._clock.now() + span
        own.held_until = until if own.held_until is None else max(until, own.held_until)
        try:
            await self._talk(lambda: self._table.hold(user, span))
        except Unavailable as error:
            _log.warning("upstream's wish to wait is known to this process alone", user=user, reason=error)

    async def finish(self) -> None:
        """Stop looking after those who wait; there should be none any more."""
        tasks = [task for task in (self._beat, *self._leaving) if task is not None]
        await end(tasks)

    # ---- asking ----

    async def _ask(self, user: UserId, who: str, until: datetime, urgency: Urgency, place: int) -> Answer:
        own, now = self._known(user), self._clock.now()
        own.forget(now - self._limits.window)
        held = _NONE if own.held_until is None else max(_NONE, own.held_until - now)
        # Near its end a request may be forgotten there and not here: only a younger one must be known.
        must_know = [sent.id for sent in own.sent if sent.at > now - self._limits.window + _JOURNEY][-1:]
        last = must_know[0] if must_know else ""
        patience = max(_NONE, until - now)
        try:
            answer = await self._talk(lambda: self._table.take(user, who, urgency, patience, place, last, held))
            if answer.verdict is Verdict.LOST:
                _log.warning("Redis has forgotten what was sent; it is told again", user=user)
                told = [(sent.id, now - sent.at) for sent in own.sent]
                await self._talk(lambda: self._table.restore(user, told))
                answer = await self._talk(lambda: self._table.take(user, who, urgency, patience, place, "", held))
            is_alone = False
        except Unavailable:
            if urgency is not Urgency.ACTION:
                raise Unavailable("the request budget cannot be told: Redis is away") from None
            answer, is_alone = self._alone(own, who, until), True
        if answer.verdict is Verdict.GRANTED:
            own.sent.append(_Sent(who, self._clock.now(), who.endswith("o"), is_alone))
        return answer

    def _alone(self, own: _Own, who: str, until: datetime) -> Answer:
        """A turn by what this process knows: its own requests, of which few may go unseen by the others."""
        now = self._clock.now()
        at = now if own.held_until is None else max(now, own.held_until)
        windows = [
            (self._limits.requests, self._limits.window, [sent.at for sent in own.sent]),
            (self._limits.reserved, self._limits.window, [sent.at for sent in own.sent if sent.is_alone]),
        ]
        if who.endswith("o"):
            orders = [sent.at for sent in own.sent if sent.is_order]
            windows.append((self._limits.orders, self._limits.order_window, orders))
        for limit, window, sent in windows:
            if limit == 0:
                at = max(at, now + window)
            elif len(sent) >= limit:
                at = max(at, sent[-limit] + window)
        if at <= now:
            return Answer(Verdict.GRANTED, _NONE, 0)
        if at > until:
            return Answer(Verdict.REFUSED, at - now, 0)
        return Answer(Verdict.WAITS, min(at - now, _AGAIN), 0)

    async def _talk(self, call: Callable[[], Awaitable[T]]) -> T:
        """One call to Redis. Raises Unavailable also when it takes too long, and for a moment afterwards at once."""
        async with self._few:
            if self._away_until is not None and self._clock.now() < self._away_until:
                raise Unavailable("Redis did not answer just now")
            self._meters.count("gateway_budget_round_trips", "Calls to Redis for the request budget")
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await call()
            except TimeoutError:
                self._away_until = self._clock.now() + _AGAIN
                raise Unavailable("Redis does not answer in time") from None
            except Corrupt as error:  # a server that only reads, is full or is of another kind
                _log.error("Redis cannot keep the request budget", reason=error)
                raise Unavailable("Redis cannot keep the request budget") from None

    # ---- waiting ----

    async def _wait(self, user: UserId, who: str, span: timedelta, until: datetime) -> None:
        """Return when ``span`` has passed, or what it was meanwhile found to be."""
        waiting = self._waiting.setdefault(user, {})
        try:
            while span > _NONE:
                woken: asyncio.Future[timedelta] = asyncio.get_running_loop().create_future()
                waiting[who] = _Waiter(self._clock.now() + span, until, woken)
                if self._beat is None or self._beat.done():
                    self._beat = asyncio.create_task(self._keep_alive())
                sleep = asyncio.ensure_future(self._clock.sleep(span))
                try:
                    await asyncio.wait((sleep, woken), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    sleep.cancel()
                span = woken.result() if woken.done() else _NONE
        finally:
            waiting.pop(who, None)
            if not waiting and self._waiting.get(user) is waiting:
                del self._waiting[user]

    async def _keep_alive(self) -> None:
        """While anybody waits here: Redis is told so, and they are told when their turn is now."""
        while self._waiting:
            await self._clock.sleep(_BEAT)
            await self._look(list(self._waiting))

    async def _look(self, users: list[UserId]) -> None:
        asked = {user: list(self._waiting[user]) for user in users if user in self._waiting}
        if not asked:
            return
        try:
            found = await self._talk(lambda: self._table.look(asked))
        except Unavailable:
            # Each finds that out for himself: an action may go all the same, a read is refused.
            found = {user: [None] * len(ids) for user, ids in asked.items()}
        now = self._clock.now()
        for user, ids in asked.items():
            for who, left in zip(ids, found[user], strict=True):
                waiter = self._waiting.get(user, {}).get(who)
                if waiter is None:
                    continue
                if left is None or now + left > waiter.until:
                    waiter.wake(_NONE)  # he asks again, and is refused when it is so
                elif abs(now + left - waiter.due) > _NOTICED:
                    waiter.wake(left + _AFTER)

    def _leave(self, user: UserId, who: str) -> None:
        """Give the place to the next, also when the answer to asking for it was not waited for."""

        async def leave() -> None:
            try:
                await self._talk(lambda: self._table.leave(user, who))
            except Unavailable:
                return  # what nobody confirms any more is soon forgotten
            await self._look([user])

        task = asyncio.create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    # ---- memory ----

    def _known(self, user: UserId) -> _Own:
        own = self._own.get(user)
        if own is None:
            if len(self._own) >= _MANY:
                self._forget_idle()
            own = self._own[user] = _Own()
        return own

    def _forget_idle(self) -> None:
        now = self._clock.now()
        for user, own in list(self._own.items()):
            own.forget(now - self._limits.window)
            is_held = own.held_until is not None and own.held_until > now
            if not (own.sent or is_held):
                del self._own[user]

    def _count(self, urgency: Urgency, outcome: str) -> None:
        self._meters.count("gateway_budget_turns", "Turns asked for", urgency=urgency.name, outcome=outcome)
