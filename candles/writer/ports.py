"""What the writer wants from the world. Each raises Unavailable when the world is away."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from cryptwire.domain.candle import Written

T = TypeVar("T")


class Queue(Protocol):
    """Where values wait; see cryptwire/storage/write_queue.py."""

    async def register(self, writer: str) -> None: ...

    async def take(self, writer: str, count: int) -> list[bytes]: ...

    async def done(self, writer: str) -> None: ...

    async def adopt(self, writer: str) -> int: ...

    async def leave(self, writer: str) -> None: ...

    async def set_aside(self, values: Sequence[bytes]) -> None: ...


class Table(Protocol[T]):
    """Where they go."""

    async def write(self, batch: Sequence[T], /) -> Written[T]:
        """Raises Invalid when some value of the batch cannot be stored."""
        ...
