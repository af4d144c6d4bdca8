"""What the hoppers of a scope held when they were read last."""

from collections.abc import Sequence

from api.handlers.analytics.reading import Reading
from cryptwire.storage.positions import Held


async def held_last(reading: Reading) -> Sequence[Held]:
    """Of those that can be read; read once for an operation. Raises Unavailable."""
    linked = [one.hopper.id for one in reading.scope.hoppers if one.is_linked]
    return await reading.once("held last", lambda: reading.sources.positions.of(linked))
