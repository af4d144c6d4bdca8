"""Keys ``cw:queries`` and ``cw:query:*``: texts of persisted queries by their hash, the newest few thousand."""

from datetime import timedelta
from typing import Any

from cryptwire.clock import Clock
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

_KEPT = timedelta(days=7)
_ORDER = f"{LIVE_KEYS}queries"
_PREFIX = f"{LIVE_KEYS}query:"


class QueryTexts:
    """Texts by their SHA-256; each is forgotten after a week, or when ``most`` newer ones are there."""

    def __init__(self, client: Redis, clock: Clock, most: int = 2_000) -> None:
        self._client = client
        self._clock = clock
        self._most = most

    async def of(self, hashed: str) -> str | None:
        """The text; None when it was never there or is forgotten. Raises Unavailable."""
        with our_errors():
            text: bytes | None = await self._client.get(_PREFIX + hashed)  # type: ignore[assignment]  # never decoded
        return None if text is None else text.decode()

    async def newest(self, count: int) -> list[str]:
        """The texts that were kept last, the newest first. Raises Unavailable."""
        with our_errors():
            hashes: Any = await self._client.zrevrange(_ORDER, 0, count - 1)
            found: Any = await self._client.mget([_PREFIX + each.decode() for each in hashes]) if hashes else []
        return [text.decode() for text in found if text is not None]

    async def keep(self, hashed: str, text: str) -> None:
        """Keep it for a week; raises Unavailable."""
        with our_errors():
            async with self._client.pipeline() as pipeline:
                pipeline.set(_PREFIX + hashed, text.encode(), ex=_KEPT)
                pipeline.zadd(_ORDER, {hashed: self._clock.now().timestamp()})
                pipeline.expire(_ORDER, _KEPT)
                pipeline.zrange(_ORDER, 0, -(self._most + 1))
                *_, old = await pipeline.execute()
            if old:
                async with self._client.pipeline() as pipeline:
                    pipeline.delete(*(_PREFIX + each.decode() for each in old))
                    pipeline.zrem(_ORDER, *old)
                    await pipeline.execute()
