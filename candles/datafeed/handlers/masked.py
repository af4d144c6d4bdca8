"""Whether quantities are told."""

from candles.datafeed.ports import People
from cryptwire.domain.hopper import UserId


async def is_masked(people: People, user: UserId, wanted: bool | None) -> bool:
    """Whether they are not: as was asked for, else (None) as the user's preferences say."""
    return (await people.by_id(user)).preferences.masks_amounts if wanted is None else wanted
