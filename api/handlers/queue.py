"""What is told as it happens and has not been taken yet, for one reader."""

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

_MOST = 200
T = TypeVar("T")


class Queue(Generic[T]):
    """What one reader has yet to be told, the oldest first; of more than 200 the newest. Never ends by itself."""

    def __init__(self) -> None:
        self._told: deque[T] = deque(maxlen=_MOST)
        self._wake = asyncio.Event()

    def tell(self, told: T) -> None:
        self._told.append(told)
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._told:
            self._wake.clear()
            await self._wake.wait()
        return self._told.popleft()
