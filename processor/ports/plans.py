"""What the ends of plans want from the world."""

from typing import Protocol

from cryptwire.domain.hopper import UserId


class Plans(Protocol):
    """Everybody's plan; raises Unavailable."""

    async def write_ends(self, most: int = 500) -> list[UserId]:
        """Write down ``most`` of the plans that have ended, and tell each user once; whose they were."""
        ...

    async def warn(self) -> list[UserId]:
        """Tell whose trial ends soon, once for each distance; who was told now."""
        ...
