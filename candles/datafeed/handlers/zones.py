"""In whose time bars are told."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from candles.datafeed.ports import People
from cryptwire.domain.hopper import UserId
from cryptwire.log import Log

_log = Log(__name__)


async def zone_of(people: People, user: UserId) -> ZoneInfo:
    """A user's zone; UTC when it is none that is known here."""
    return zone_called((await people.by_id(user)).zone)


def zone_called(name: str) -> ZoneInfo:
    """The zone of this name; UTC when there is none that is known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _log.warning("a zone is not known", zone=name)
        return ZoneInfo("UTC")
