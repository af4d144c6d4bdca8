"""What erasing accounts wants from the world. Every method raises Unavailable."""

from typing import Protocol

from cryptwire.domain.erasure import Erasure
from cryptwire.domain.hopper import UserId


class Erasures(Protocol):
    """Those who are leaving, and what the database holds of them; each step may be repeated."""

    async def waiting(self) -> list[Erasure]: ...

    async def untrack(self, erasure: Erasure) -> None: ...

    async def erase_rows(self, erasure: Erasure) -> None: ...

    async def erase_user(self, erasure: Erasure) -> None: ...

    async def finish(self, erasure: Erasure) -> bool: ...


class KeptValues(Protocol):
    """What is kept of them in memory that services share."""

    async def erase(self, erasure: Erasure) -> None: ...


class Links(Protocol):
    """Who holds the tokens at Cryptohopper."""

    async def unlink(self, user: UserId) -> bool:
        """Destroy a user's tokens; whether upstream confirmed it. Raises Refused when there is nothing to do."""
        ...
