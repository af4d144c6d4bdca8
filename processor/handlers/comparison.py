"""The comparison: what of each hopper's trade list is not in the table is added."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.trade import Trade, news
from cryptwire.errors import Corrupt, Exhausted, LinkAgain, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.trades import tell
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor import logic
from processor.handlers.links import BrokenLinks
from processor.ports import Bus, Comparisons, TradeList, Trades

_log = Log(__name__)
_WITHIN = timedelta(minutes=2)
_WITHIN_AT_FIRST = timedelta(minutes=10)


class Comparison:
    """Compares every hopper's trades, a user's hoppers one after the other, ``at_once`` users together.

    A hopper that cannot be read is left as it is, holds up no other and is read from the same moment the next time.
    """

    def __init__(
        self,
        trade_list: TradeList,
        comparisons: Comparisons,
        trades: Trades,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        broken: BrokenLinks,
        *,
        first: timedelta,
        at_once: int,
    ) -> None:
        self._list = trade_list
        self._comparisons = comparisons
        self._trades = trades
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._broken = broken
        self._first = first
        self._at_once = at_once

    async def compare(self, due_at: datetime) -> str:
        """Compare who was not compared since ``due_at``. Raises Unavailable when the database is away.

        Begun again after it was cut off, it goes on where it was.
        """
        users = iter(logic.by_user(await self._comparisons.waiting(due_at)))
        outcomes: Counter[str] = Counter()

        async def compare_users() -> None:
            for hoppers in users:
                for hopper, complete_until in hoppers:
                    outcomes[await self._one(hopper, complete_until)] += 1

        working = [asyncio.create_task(compare_users()) for _ in range(self._at_once)]
        try:
            await asyncio.gather(*working)
        finally:
            await end(working)
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "nothing to compare"

    async def _one(self, hopper: Hopper, complete_until: datetime | None) -> str:
        now = self._clock.now()
        listed = await self._read(hopper, complete_until, now)
        if isinstance(listed, str):
            self._meters.count("processor_comparisons", "Hoppers compared", outcome=listed)
            return listed
        added = await self._trades.add(listed)
        await self._comparisons.complete(hopper.id, now, len(added))
        await tell(self._bus, hopper, news(added, now, is_first_look=complete_until is None))
        outcome = "mended" if added else "complete"
        self._meters.count("processor_comparisons", "Hoppers compared", outcome=outcome)
        self._meters.count("processor_mended_trades", "Trades that only comparing has found", len(added))
        if added and complete_until is not None:
            _log.info("trades were missing", hopper=hopper.id, trades=len(added))
        return outcome

    async def _read(self, hopper: Hopper, complete_until: datetime | None, now: datetime) -> list[Trade] | str:
        """The trade list, or why it cannot be read."""
        since = logic.compared_from(complete_until, now, self._first)
        is_first = complete_until is None
        within = _WITHIN_AT_FIRST if is_first else _WITHIN
        try:
            return await self._list.since(hopper.user, hopper.id, since, within, is_import=is_first)
        except LinkAgain as error:
            await self._broken.tell(hopper.user, str(error))
            return "to be linked again"
        except Exhausted as error:
            _log.warning("no budget to compare trades", hopper=hopper.id, reason=error)
            return "without budget"
        except Unavailable as error:
            _log.warning("a trade list cannot be read now", hopper=hopper.id, reason=error)
            return "unavailable"
        except (Refused, Corrupt) as error:
            _log.warning("a trade list is not read", hopper=hopper.id, reason=error)
            return "refused"
