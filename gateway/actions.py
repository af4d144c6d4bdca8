"""Actions on a hopper: checked, written down, sent once, and written down again with what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.domain.action import Acted, Outcome
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import (
    Corrupt,
    CryptwireError,
    Exhausted,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    Unavailable,
    Unconfirmed,
)
from cryptwire.metrics import Meters
from cryptwire.storage.calls import Asked, Ending, Known
from gateway.ports import Budget, Late, TokenRefused, Upstream, Urgency

_log = log.Log(__name__)
_CHECKED_FOR = timedelta(seconds=5)
"""How old the check of right and switches may be when the request leaves."""
_RECORD_FOR = timedelta(seconds=60)
_RECORD_PAUSE = timedelta(seconds=0.5)
_ANSWER_AFTER = timedelta(seconds=2)
"""How long an answer waits for its being written down."""
_LOOKS = (0.05, 0.1, 0.2, 0.25)  # seconds between looks at what another gateway has under way; the last goes on
_SAID = 200  # characters of what upstream said
_CUT = 1.0  # seconds to write down what was cut off at the end

LASTS = timedelta(seconds=30)
"""Nothing is under way longer after it was admitted: the check's age and the request's time-out are below it."""

Send = Callable[[Upstream, str, timedelta], Awaitable[str]]


class Calls(Protocol):
    """The table of actions (``cryptwire.storage.calls``)."""

    async def known(self, asked: Asked) -> Known | None: ...
    async def admit(self, asked: Asked) -> int | None: ...
    async def finish(self, row: int, asked: Asked, ending: Ending) -> None: ...
    async def turned_away(self, asked: Asked, ending: Ending) -> None: ...


class Hoppers(Protocol):
    """Which hoppers are linked (``cryptwire.storage.tokens``)."""

    async def generation(self, user: UserId, hopper: HopperId) -> int | None: ...


class Access(Protocol):
    """Gives access tokens (``gateway.custody``)."""

    async def access(self, user: UserId, refused: str | None = None) -> str: ...


@dataclass(slots=True)
class _Caller:
    """Whoever waits for an action, until ``until``; ``has_gone``: not any more."""

    until: datetime
    has_gone: bool = False


class Actions:
    """Sends what is asked for at most once, whoever asks how often, through however many gateways.

    What was begun is finished and written down whatever becomes of its caller.
    """

    def __init__(
        self,
        calls: Calls,
        hoppers: Hoppers,
        custody: Access,
        upstream: Upstream,
        budget: Budget,
        clock: Clock,
        meters: Meters,
        request_timeout: timedelta,
    ) -> None:
        if request_timeout + _CHECKED_FOR >= LASTS:
            raise Invalid(f"a request to upstream must be given up within {LASTS - _CHECKED_FOR}")
        self._calls = calls
        self._hoppers = hoppers
        self._custody = custody
        self._upstream = upstream
        self._budget = budget
        self._clock = clock
        self._meters = meters
        self._request_timeout = request_timeout
        self._tasks: set[asyncio.Task[Any]] = set()
        self._requests: set[asyncio.Future[str]] = set()

    async def act(self, asked: Asked, send: Send, until: datetime, *, is_order: bool) -> Acted:
        """Send an action, or tell what became of it when it was sent before.

        Raises NotFound, Forbidden, Invalid, LinkAgain (upstream refused, or would have), Fenced, SwitchedOff,
        Exhausted, Late, Unavailable (it was not sent, or surely not done), Unconfirmed.
        """
        assert asked.user is not None
        end: _End | None = None
        try:
            known = await self._allowed(asked)
            if known is None:
                self._upstream.check()
                await self._custody.access(asked.user)  # renewed before the turn: a request leaves when it is counted
                await self._budget.take(asked.user, until, Urgency.ACTION, is_order=is_order)
                token = await self._custody.access(asked.user)
                end = await self._under_way(asked, send, token, until)
        except CryptwireError as error:
            await self.turn_away(asked, error)
            raise
        if end is not None:
            return end.answer()
        return (await self._repeated(asked, known or Known(None, is_over=False), until)).answer(is_repeated=True)

    async def turn_away(self, asked: Asked, error: CryptwireError) -> None:
        """Write down that an action was not admitted, if that can be done now; raises nothing of ours."""
        reason = type(error).__name__
        self._count(asked, Outcome.NOT_SENT, reason)
        ending = Ending(Outcome.NOT_SENT, reason, str(error), None, self._clock.now())
        await self._soon(self._recorded(lambda: self._calls.turned_away(asked, ending), asked, timedelta(0)))

    async def finish(self, patience: timedelta) -> None:
        """Let actions under way end and be written down; after ``patience`` their requests are cut off."""
        await self._ended(patience.total_seconds())
        for request in list(self._requests):
            request.cancel()
        await self._ended(_CUT)
        if self._tasks:
            _log.error("actions are not written down to their end; they will read as unknown", count=len(self._tasks))
        for task in self._tasks:
            task.cancel()

    # ---- the first time ----

    async def _allowed(self, asked: Asked) -> Known | None:
        assert asked.user is not None
        if await self._hoppers.generation(asked.user, asked.hopper) is None:
            raise NotFound(f"there is no hopper {asked.hopper[:40]}")
        return await self._calls.known(asked)

    async def _under_way(self, asked: Asked, send: Send, token: str, until: datetime) -> "_End | None":
        """Admit and send in a task of its own, which goes on when the caller goes away."""
        caller = _Caller(until)
        task = self._begin(self._admitted(asked, send, token, caller))
        try:
            end: _End | None = await asyncio.shield(task)
            return end
        except asyncio.CancelledError:
            caller.has_gone = True
            raise

    async def _admitted(self, asked: Asked, send: Send, token: str, caller: _Caller) -> "_End | None":
        """How it ended; None when it was admitted before. Errors of ours: it was not admitted."""
        began = self._clock.now()
        if began >= caller.until:
            raise Late("the caller's deadline came first")
        row = await self._calls.admit(asked)
        if row is None:
            return None
        now = self._clock.now()
        if caller.has_gone or now >= min(caller.until, began + _CHECKED_FOR):
            end = _ended_by(Late("the caller went away, or the check took too long; it was not sent"), now, now)
        else:
            end = await self._sent(asked, send, token)
        self._count(asked, end.ending.outcome, end.ending.reason)
        await self._soon(self._recorded(lambda: self._calls.finish(row, asked, end.ending), asked, _RECORD_FOR))
        return end

    async def _sent(self, asked: Asked, send: Send, token: str) -> "_End":
        """One request, for as long as a request may take: its caller's deadline would only hide what became of it."""
        assert asked.user is not None
        sent_at = self._clock.now()
        request = asyncio.ensure_future(send(self._upstream, token, self._request_timeout))
        self._requests.add(request)
        try:
            await asyncio.wait({request})
        finally:
            self._requests.discard(request)
        answered_at = self._clock.now()
        if request.cancelled():
            return _ended_by(Unconfirmed("the gateway ended before upstream answered"), sent_at, answered_at)
        error = request.exception()
        if error is None:
            return _End(Ending(Outcome.DONE, "", request.result()[:_SAID], sent_at, answered_at), None)
        if isinstance(error, TokenRefused):
            self._begin(self._renewed(asked.user, token))
        elif isinstance(error, Exhausted):
            self._begin(self._held(asked.user, error.retry_after))
        elif not isinstance(error, CryptwireError):
            _log.error("a defect while an action was sent", call=asked.call, exception=error)
        return _ended_by(error, sent_at, answered_at)

    async def _renewed(self, user: UserId, token: str) -> None:
        """So that the next number succeeds."""
        try:
            await self._custody.access(user, token)
        except CryptwireError as error:
            _log.warning("a token that upstream refused cannot be renewed", user=user, reason=error)

    async def _held(self, user: UserId, seconds: float) -> None:
        try:
            await self._budget.hold(user, seconds)
        except CryptwireError as error:
            _log.warning("a token's pause cannot be shared", user=user, reason=error)

    # ---- the second time ----

    async def _repeated(self, asked: Asked, known: Known, until: datetime) -> "_End":
        """What became of it, as soon as that is known."""
        looks = 0
        while known.ending is None:
            if known.is_over or self._clock.now() >= until:
                raise Unconfirmed("it was sent before, and what became of it is not known; read back")
            pause = timedelta(seconds=_LOOKS[min(looks, len(_LOOKS) - 1)])
            await self._clock.sleep(min(pause, until - self._clock.now()))
            looks += 1
            try:
                known = await self._calls.known(asked) or Known(None, is_over=True)
            except Unavailable:
                raise Unconfirmed("it was sent before, and what became of it cannot be told now; ask again") from None
        ending = known.ending
        if not ending.reason:
            return _End(ending, None)
        if ending.reason == Exhausted.__name__:
            return _End(ending, Exhausted(ending.said, 1.0))
        return _End(ending, _ERRORS.get(ending.reason, Unconfirmed)(ending.said))

    # ---- writing down ----

    async def _recorded(self, write: Callable[[], Awaitable[None]], asked: Asked, patience: timedelta) -> None:
        """Write to the table, for ``patience`` again and again while the database is away."""
        until = self._clock.now() + patience
        while True:
            try:
                await write()
            except Unavailable as error:
                if self._clock.now() >= until:
                    self._lost(asked, error)
                    return
                await self._clock.sleep(_RECORD_PAUSE)
            except CryptwireError as error:
                self._lost(asked, error)
                return
            else:
                return

    def _lost(self, asked: Asked, error: CryptwireError) -> None:
        _log.error(
            "an action's end could not be written down",
            call=asked.call,
            hopper=asked.hopper[:40],
            intent=asked.intent,
            number=asked.number,
            reason=error,
        )

    async def _soon(self, writing: Coroutine[Any, Any, None]) -> None:
        """Return when it is written, or goes on by itself because that takes longer."""
        patience = asyncio.ensure_future(self._clock.sleep(_ANSWER_AFTER))
        try:
            await asyncio.wait({self._begin(writing), patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()

    def _begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may wait any more

    async def _ended(self, seconds: float) -> None:
        """Return when nothing is under way, which may begin more while it ends, or ``seconds`` are over."""
        end = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)

    def _count(self, asked: Asked, outcome: Outcome, reason: str) -> None:
        self._meters.count("gateway_actions", "Actions, by end", call=asked.call, outcome=outcome.value, reason=reason)


@dataclass(frozen=True, slots=True)
class _End:
    """How an admitted action ended, and the error that its caller gets for it."""

    ending: Ending
    error: CryptwireError | None

    def answer(self, *, is_repeated: bool = False) -> Acted:
        """What its caller gets, or is raised."""
        if self.error is not None:
            raise self.error
        assert self.ending.sent_at is not None
        return Acted(self.ending.said, self.ending.sent_at, self.ending.answered_at, is_repeated)


_ERRORS: Mapping[str, type[CryptwireError]] = {
    kind.__name__: kind for kind in (Forbidden, Invalid, Late, LinkAgain, NotFound, Unavailable, Unconfirmed)
}
"""Those that an admitted action can end with, but Exhausted."""


def _ended_by(error: BaseException, sent_at: datetime, at: datetime) -> _End:
    """What an error says of a request that was admitted.

    Upstream's refusals are ends. What says neither that it was refused nor that it never left leaves everything open.
    """
    match error:
        case TokenRefused():
            outcome, error = Outcome.REFUSED, Unavailable("Cryptohopper refused the token; another is asked for")
        case Late():
            outcome = Outcome.NOT_SENT
        case Exhausted() | NotFound() | Forbidden() | Invalid() | LinkAgain():
            outcome = Outcome.REFUSED
        case Unavailable():
            outcome = Outcome.NOT_SENT
        case Unconfirmed():
            outcome = Outcome.UNKNOWN
        case Corrupt():
            outcome, error = Outcome.UNKNOWN, Unconfirmed(str(error))
        case _:
            outcome, error = Outcome.UNKNOWN, Unconfirmed("a defect of the gateway; read back")
    is_sent = outcome is not Outcome.NOT_SENT
    return _End(Ending(outcome, type(error).__name__, str(error), sent_at if is_sent else None, at), error)
