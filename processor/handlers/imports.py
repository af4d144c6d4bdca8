"""The import: everything of a linked account, stage by stage, and told as it comes along.

What was stored is never read again: a worker that is killed leaves its place in the table, and another goes on there.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.imports import import_to_wire
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.imports import Claimed, ImportStage, ImportState, Lost, Steps
from cryptwire.domain.trade import Trade, news
from cryptwire.errors import Corrupt, CryptwireError, Exhausted, LinkAgain, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.trades import tell
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor.handlers.hoppers import HopperLooks
from processor.logic import imports as logic
from processor.ports import Bus
from processor.ports.imports import Account, Backfill, Configs, Holdings, Hoppers, Imports, Queue

_log = Log(__name__)
_BEATS = 4  # signs of life within the patience of others
_WITHIN = timedelta(hours=12)  # for one list of trades, in a budget in which everything else comes first
_SOON = timedelta(minutes=10)  # for anything else: it waits for its turn at the gateway
_FILLS_WITHIN = timedelta(minutes=5)  # what cannot be filled until then the back-fill's own jobs go on with
_TELLS_EVERY = timedelta(milliseconds=500)
T = TypeVar("T")


class _Over(Exception):
    """Nothing of the import can go on, for the reason that the user is told."""


@dataclass(slots=True)
class _Run:
    """An import in hand: whose it is, its hoppers, and when it was told last.

    Of the stage: how many hoppers there are, how many of them are done, and what these had (hoppers, trades, candles).
    """

    claim: Claimed
    hoppers: dict[HopperId, Hopper] = field(default_factory=dict)
    told_at: datetime | None = None
    of: int = 1
    done: int = 0
    had: int = 0

    def share(self, part: float) -> float:
        """Of the stage, when ``part`` of the hopper in hand is done."""
        return (self.done + part) / self.of


class Importer:
    """One replica's hands for imports. ``worker`` must be nobody else's.

    What may pass is waited for: a budget until it is there, an outage for ``gives_up`` of one hopper's list, during
    which the other hoppers go on. ``patience`` is that of ``imports``.
    """

    def __init__(
        self,
        worker: str,
        account: Account,
        imports: Imports,
        hoppers: Hoppers,
        looks: HopperLooks,
        configs: Configs,
        holdings: Holdings,
        backfill: Backfill,
        queue: Queue,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        *,
        patience: timedelta,
        gives_up: timedelta,
    ) -> None:
        self._worker = worker
        self._account = account
        self._imports = imports
        self._hoppers = hoppers
        self._looks = looks
        self._configs = configs
        self._holdings = holdings
        self._backfill = backfill
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._patience = patience
        self._gives_up = gives_up

    # ---- who does what ----

    async def queue_free(self, due_at: datetime) -> str:
        """Queue again whatever nobody works at: the queue may have lost it, or its worker was killed."""
        users = await self._imports.free()
        for user in users:
            await self._queue.put(user)
        return f"{len(users)} queued"

    async def queue_lost(self) -> int:
        """Queue again at once what somebody had in hand who was killed; each is queued once, by one replica."""
        users = await self._imports.free_lost()
        for user in users:
            _log.warning("an import lost its worker", user=user)
            await self._queue.put(user)
        return 0

    async def work(self, user: UserId) -> None:
        """Take up a user's import if nobody has it, and do it to its end.

        What is cut off (this is cancelled, the database goes away) is left to whoever comes next. What our own code
        fails at is tried again after a pause, five times, and then ended in words; the error is raised.
        """
        try:
            claim = await self._imports.claim(user, self._worker)
        except Unavailable as error:
            _log.warning("an import waits for the database", user=user, reason=error)
            return
        if claim is None:
            return
        if claim.tries > 1:
            _log.warning("an import is taken up again", user=user, number=claim.number, tries=claim.tries)
        working = asyncio.ensure_future(self._whole(claim))
        beating = asyncio.create_task(self._beats(claim))
        outcome = "cut off"
        try:
            await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
            outcome = working.result() if working.done() else "lost"
        except Lost:
            outcome = "lost"
        except CryptwireError as error:
            _log.warning("an import is interrupted and goes on later", user=user, reason=error)
            outcome = "interrupted"
        except Exception as error:  # a fault of ours, which is told as that and not repeated for ever
            outcome = "broken"
            await self._broken(claim, error)
            raise
        finally:
            await end((working, beating))
            with contextlib.suppress(CryptwireError):
                await self._imports.let_go(claim)
            self._meters.count("processor_imports", "Imports that were worked at", outcome=outcome)
        _log.info("an import was worked at", user=user, number=claim.number, outcome=outcome)

    async def _broken(self, claim: Claimed, error: Exception) -> None:
        with contextlib.suppress(CryptwireError):
            pause = logic.fault_pause(claim.faults + 1)
            if pause is not None:
                await self._imports.fault(claim, pause)
                return
            progress = await self._imports.progress(claim.user)
            stage = ImportStage.HOPPERS if progress is None else progress.stage
            now = self._clock.now()
            await self._imports.finish(
                claim,
                ImportState.FAILED,
                logic.BROKEN,
                logic.import_notice(
                    claim.user, claim.number, now, hoppers=0, trades=0, candles=0, problems=0, error=logic.BROKEN
                ),
                logic.broken_notice(claim.user, claim.number, now, type(error).__name__, stage),
            )
            await self._tell_end(claim.user)

    async def _beats(self, claim: Claimed) -> None:
        """Tell that we are alive until the import is not ours any more."""
        while True:
            await self._clock.sleep(self._patience / _BEATS)
            with contextlib.suppress(Unavailable):
                if not await self._imports.alive(claim):
                    return

    # ---- the whole of it ----

    async def _whole(self, claim: Claimed) -> str:
        run = _Run(claim)
        error: str | None = None
        try:
            await self._find_hoppers(run)
            await self._each(run, ImportStage.CONFIGURATION, self._configure)
            await self._each(run, ImportStage.POSITIONS, self._position)
            await self._each(run, ImportStage.TRADES, self._trade)
            await self._each(run, ImportStage.BACK_FILL, self._fill)
        except LinkAgain:
            error = logic.LINK_AGAIN
        except _Over as over:
            error = str(over)
        return await self._finish(run, error)

    async def _finish(self, run: _Run, error: str | None) -> str:
        claim, steps = run.claim, await self._imports.steps(run.claim)
        bad = [one for one in steps if one.problem is not None]
        unread = [one for one in bad if ImportStage.TRADES not in one.done]
        if error is None and steps and len(unread) == len(steps):
            error = unread[0].problem
        notice = logic.import_notice(
            claim.user,
            claim.number,
            self._clock.now(),
            hoppers=len(steps) - len(unread),
            trades=sum(one.trades for one in steps),
            candles=sum(one.candles for one in steps),
            problems=len(bad),
            error=error,
        )
        if error is None:
            candles = sum(one.candles for one in steps)
            await self._note(run, ImportStage.BACK_FILL, None, candles, candles, 1.0, is_due=True)
        state = ImportState.DONE if error is None else ImportState.FAILED
        await self._imports.finish(claim, state, error, notice)
        await self._tell_end(claim.user)
        return state.value

    async def _tell_end(self, user: UserId) -> None:
        await self._publish(user)
        for subject in (subjects.notice(user), subjects.account(user)):
            with contextlib.suppress(Unavailable):
                await self._bus.publish(subject, b"")

    async def _find_hoppers(self, run: _Run) -> None:
        """Which hoppers there are, and which of them this import is about."""
        claim = run.claim
        await self._note(run, ImportStage.HOPPERS, None, 0, None, 0.0, is_due=True)
        at = self._clock.now()
        try:
            seen = await self._patiently(claim, lambda: self._account.hoppers(claim.user))
            await self._looks.see(claim.user, seen, at, asks_import=False)
        except LinkAgain:
            raise
        except (Refused, Corrupt) as error:
            if isinstance(error, Lost):
                raise
            raise _Over(logic.problem(error)) from error
        others = set(await self._hoppers.others(claim.user, [linked.id for linked in seen]))
        own = {
            linked.id: linked.hopper for linked in seen if linked.id not in others and logic.is_readable(linked.hopper)
        }
        if not own:
            raise _Over(logic.NOT_OURS if others else logic.NO_HOPPERS)
        run.hoppers = own
        await self._imports.enlist(claim, own if claim.only is None else own.keys() & claim.only)

    async def _each(self, run: _Run, stage: ImportStage, do: Callable[[_Run, Steps], Awaitable[None]]) -> None:
        """Do a stage of every hopper that has no problem; one that cannot be read now is tried after the others."""
        steps = await self._imports.steps(run.claim)
        waiting = deque(one.hopper for one in steps if stage not in one.done and one.problem is None)
        failures = 0
        last_good_at = self._clock.now()
        gives_up = min(self._gives_up, _FILLS_WITHIN) if stage is ImportStage.BACK_FILL else self._gives_up
        while waiting:
            hopper = waiting.popleft()
            steps = await self._imports.steps(run.claim)
            one = next(each for each in steps if each.hopper == hopper)
            await self._note_stage(run, stage, steps, hopper)
            try:
                if hopper not in run.hoppers:
                    raise Refused("Cryptohopper does not show it")
                await do(run, one)
            except (LinkAgain, Lost):
                raise
            except Exhausted as error:
                waiting.appendleft(hopper)
                await self._clock.sleep(timedelta(seconds=max(0.1, error.retry_after)))
            except Unavailable as error:
                failures += 1
                if self._clock.now() - last_good_at > gives_up:
                    await self._give_up(run, hopper, stage, error)
                    continue
                waiting.append(hopper)
                _log.warning("an import waits", hopper=hopper, stage=stage.value, reason=error)
                await self._clock.sleep(logic.pause(failures))
            except (Refused, Corrupt) as error:
                await self._give_up(run, hopper, stage, error)
            else:
                failures, last_good_at = 0, self._clock.now()

    async def _give_up(self, run: _Run, hopper: HopperId, stage: ImportStage, error: CryptwireError) -> None:
        _log.error("a hopper is not imported whole", hopper=hopper, stage=stage.value, reason=error)
        await self._imports.trouble(run.claim, hopper, logic.problem(error, stage))

    async def _patiently(self, claim: Claimed, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, when it comes; raises _Over after ``gives_up``."""
        began, failures = self._clock.now(), 0
        while True:
            try:
                return await ask()
            except Exhausted as error:
                await self._clock.sleep(timedelta(seconds=max(0.1, error.retry_after)))
            except Unavailable as error:
                failures += 1
                if self._clock.now() - began > self._gives_up:
                    raise _Over(logic.problem(error)) from error
                _log.warning("an import waits", user=claim.user, reason=error)
                await self._clock.sleep(logic.pause(failures))

    # ---- the stages of one hopper ----

    async def _configure(self, run: _Run, one: Steps) -> None:
        at = self._clock.now()
        fields = await self._account.config(run.claim.user, one.hopper, is_import=True, within=_SOON)
        await self._configs.keep(one.hopper, logic.kept_fields(fields), at)
        await self._imports.step_done(run.claim, one.hopper, ImportStage.CONFIGURATION)

    async def _position(self, run: _Run, one: Steps) -> None:
        user, account, at = run.claim.user, self._account, self._clock.now()
        positions = await account.positions(user, one.hopper, is_import=True, within=_SOON)
        reserved = await account.reserved(user, one.hopper, is_import=True, within=_SOON)
        shorts = await account.shorts(user, one.hopper, is_import=True, within=_SOON)
        orders = await account.orders(user, one.hopper, is_import=True, within=_SOON)
        await self._holdings.keep(one.hopper, positions, reserved, shorts, orders, at)
        await self._imports.step_done(run.claim, one.hopper, ImportStage.POSITIONS)

    async def _trade(self, run: _Run, one: Steps) -> None:
        """Every trade from the cursor on, page by page; a page is stored before the cursor moves behind it.

        Of what it finds little is told, also when it goes on where another was cut off: it is the past.
        """
        claim, now = run.claim, self._clock.now()
        cursor, is_new = one.cursor, one.trades_began_at is None
        await self._imports.begin_trades(claim, one.hopper, now)
        since = EPOCH if cursor is None else cursor[0] - logic.OVERLAP if is_new else cursor[0]
        fresh: list[Trade] = []
        count, first_at = one.trades, None
        async with _pages(self._account, claim.user, one.hopper, since) as pages:
            async for page in pages:
                if not page:
                    continue
                beyond = [trade for trade in page if cursor is None or _place(trade) > _after(cursor)]
                if beyond:
                    cursor = beyond[-1].at, beyond[-1].id
                if cursor is None:
                    continue
                added = await self._imports.store(claim, one.hopper, page, len(beyond), cursor)
                fresh = news([*fresh, *added], now, is_first_look=True)
                first_at, count = first_at or page[0].at, count + len(beyond)
                total = logic.likely_total(count, first_at, cursor[0], now)
                share = run.share(count / total if total else 0.0)
                is_last = run.done + 1 == run.of
                await self._note(
                    run,
                    ImportStage.TRADES,
                    one.hopper,
                    run.had + count,
                    run.had + total if total and is_last else None,
                    share,
                )
        await self._imports.traded(claim, one.hopper)
        await tell(self._bus, run.hoppers[one.hopper], fresh)

    async def _fill(self, run: _Run, one: Steps) -> None:
        async def told(done: int, total: int) -> None:
            share = run.share(done / total if total else 1.0)
            whole = run.had + total * (run.of - run.done)
            await self._note(run, ImportStage.BACK_FILL, one.hopper, run.had + done, whole, share)

        candles = await self._backfill.fill(run.hoppers[one.hopper], told)
        await self._imports.filled(run.claim, one.hopper, candles)

    # ---- how it comes along ----

    async def _note_stage(self, run: _Run, stage: ImportStage, steps: list[Steps], hopper: HopperId) -> None:
        others = [one for one in steps if one.hopper != hopper]
        over = [one for one in others if stage in one.done or one.problem is not None]
        run.of, run.done = len(steps), len(over)
        if stage is ImportStage.TRADES:
            run.had = sum(one.trades for one in others)
        elif stage is ImportStage.BACK_FILL:
            run.had = sum(one.candles for one in over)
        else:
            run.had = run.done
        total = None if stage in (ImportStage.TRADES, ImportStage.BACK_FILL) else run.of
        await self._note(run, stage, hopper, run.had, total, run.share(0.0), is_due=True)

    async def _note(
        self,
        run: _Run,
        stage: ImportStage,
        hopper: HopperId | None,
        done: int,
        total: int | None,
        share: float,
        *,
        is_due: bool = False,
    ) -> None:
        """Write it down and tell it, at most twice a second but for what ``is_due``."""
        now = self._clock.now()
        if not is_due and run.told_at is not None and now - run.told_at < _TELLS_EVERY:
            return
        end = logic.estimated_end(run.claim.began_at, now, stage, share)
        await self._imports.note(run.claim, stage, hopper, done, total, end)
        if run.told_at is None or now - run.told_at >= _TELLS_EVERY:
            run.told_at = now
            await self._publish(run.claim.user)

    async def _publish(self, user: UserId) -> None:
        try:
            progress = await self._imports.progress(user)
            if progress is not None:
                await self._bus.publish(subjects.imports(user), import_to_wire(progress))
        except Unavailable as error:
            _log.warning("the progress of an import is not told", user=user, reason=error)


@asynccontextmanager
async def _pages(
    account: Account, user: UserId, hopper: HopperId, since: datetime
) -> AsyncIterator[AsyncIterator[list[Trade]]]:
    """The pages of a trade list; the call ends with the block, also in the middle."""
    pages = account.trade_pages(user, hopper, since, is_import=True, within=_WITHIN)
    try:
        yield pages
    finally:
        if (close := getattr(pages, "aclose", None)) is not None:
            await close()


def _place(trade: Trade) -> tuple[datetime, int, str]:
    """Where a trade stands in the list: by time, then by number."""
    return trade.at, len(trade.id), trade.id


def _after(cursor: tuple[datetime, str]) -> tuple[datetime, int, str]:
    return cursor[0], len(cursor[1]), cursor[1]
