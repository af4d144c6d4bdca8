"""The ends of plans: written down, and told.

Nothing waits for this: whoever reads a plan reads that of the moment. It tells the user, and lets his clients look.
"""

from datetime import datetime

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from processor.ports import Bus
from processor.ports.plans import Plans

_log = Log(__name__)
_AT_ONCE = 500


class Ends:
    """Writes down what has ended, and warns of trials that will."""

    def __init__(self, plans: Plans, bus: Bus, meters: Meters) -> None:
        self._plans = plans
        self._bus = bus
        self._meters = meters

    async def look(self, _: datetime) -> str:
        """All that has ended by now. Raises Unavailable when the database is away; bears repeating."""
        warned = await self._plans.warn()
        for user in warned:
            await self._tell(subjects.notice(user))
        ended = 0
        while users := await self._plans.write_ends(_AT_ONCE):
            ended += len(users)
            self._meters.count("processor_plans_ended", "Plans that have ended", len(users))
            for user in users:
                await self._tell_ended(user)
            if len(users) < _AT_ONCE:
                break
        return f"{ended} ended, {len(warned)} warned"

    async def _tell_ended(self, user: UserId) -> None:
        await self._tell(subjects.account(user))
        await self._tell(subjects.notice(user))

    async def _tell(self, subject: str) -> None:
        try:
            await self._bus.publish(subject, b"")
        except Unavailable as error:
            _log.warning("a change is not told; it is in the database", subject=subject, reason=error)
