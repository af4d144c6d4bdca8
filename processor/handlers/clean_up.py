"""Clean-up: what is over is deleted, little by little, so that nobody waits for it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
BATCH = 1_000
_BREATH = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class Rule:
    """``forget`` deletes at most so many rows that were over longer than ``after`` ago, and says how many it were."""

    after: timedelta
    forget: Callable[[timedelta, int], Awaitable[int]]


class CleanUp:
    """Goes by the rules, one table after the other; begun again it goes on where it was."""

    def __init__(self, rules: Mapping[str, Rule], clock: Clock, meters: Meters) -> None:
        self._rules = rules
        self._clock = clock
        self._meters = meters

    async def clean(self, _: datetime) -> str:
        """What was deleted. Raises Unavailable while the database is away."""
        deleted = {}
        for what, rule in self._rules.items():
            count = 0
            while number := await rule.forget(rule.after, BATCH):
                count += number
                self._meters.count("processor_forgotten", "Rows that were over and are deleted", number, what=what)
                if number < BATCH:
                    break
                await self._clock.sleep(_BREATH)
            if count:
                deleted[what] = count
        return ", ".join(f"{count} {what}" for what, count in deleted.items()) or "nothing was over"
