"""Erasing: of who has deleted his account nothing is left, first of all no token."""

from datetime import datetime

from cryptwire.domain.erasure import Erasure
from cryptwire.errors import Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from processor.ports import Bus
from processor.ports.erasing import Erasures, KeptValues, Links

_log = Log(__name__)


class Erasing:
    """Erases one account after the other; one whose token cannot be destroyed now holds up no other."""

    def __init__(
        self,
        erasures: Erasures,
        kept: KeptValues,
        links: Links,
        bus: Bus,
        meters: Meters,
    ) -> None:
        self._erasures = erasures
        self._kept = kept
        self._links = links
        self._bus = bus
        self._meters = meters

    async def erase(self, _: datetime) -> str:
        """Take every erasure as far as it goes; begun again after it was cut off, it goes on where it was.

        Raises Unavailable when the database or Redis is away.
        """
        done, waiting = 0, 0
        for erasure in await self._erasures.waiting():
            try:
                done += await self._one(erasure)
            except _NotYet as error:
                waiting += 1
                _log.warning("an account waits for its token to be destroyed", user=erasure.user, reason=error)
        return f"{done} accounts erased, {waiting} wait for the gateway"

    async def _one(self, erasure: Erasure) -> bool:
        is_first = not erasure.is_erased
        if is_first:
            await self._unlink(erasure)
            await self._erasures.untrack(erasure)
            await self._tell(erasure)
        await self._kept.erase(erasure)
        await self._erasures.erase_rows(erasure)
        if is_first:
            await self._erasures.erase_user(erasure)
            self._meters.count("processor_erased_accounts", "Accounts erased")
            _log.info("an account is erased", user=erasure.user)
        await self._erasures.finish(erasure)
        return is_first

    async def _unlink(self, erasure: Erasure) -> None:
        """The gateway destroys its tokens whether or not upstream can be told."""
        try:
            if not await self._links.unlink(erasure.user):
                _log.warning("upstream did not confirm that a token is worth nothing", user=erasure.user)
        except Refused:
            return  # nothing is linked
        except Unavailable as error:
            raise _NotYet(str(error)) from error

    async def _tell(self, erasure: Erasure) -> None:
        try:
            await self._bus.publish(subjects.account(erasure.user), b"")
        except Unavailable as error:
            _log.warning("nobody is told that an account goes; it is read from the database", reason=error)


class _NotYet(Exception):
    """The token is still there."""
