"""Balances and positions as last polled, kept in Redis so that a tracker goes on with them after a kill."""

from collections.abc import Iterable, Sequence
from typing import cast

from cryptwire.codec.portfolio import account_from_wire, account_to_wire
from cryptwire.domain.account import Account
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid
from cryptwire.log import Log
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors
from cryptwire.storage.write_queue import WriteQueue

_log = Log(__name__)


class Accounts:
    """Hash ``cw:tracker:<shard>:accounts``: hopper to Account. Raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis, shard: str, keys: str = LIVE_KEYS) -> None:
        self._redis = redis
        self._key = f"{keys}tracker:{shard}:accounts"
        self._flows = WriteQueue(redis, keys, what="flows")

    async def keep(self, account: Account, flows: Sequence[bytes] = ()) -> None:
        """Keep it, and queue the ``flows`` that it told of, both or neither: whoever goes on with the new balances
        compares with them, and would never find these flows again.
        """
        with our_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                self._flows.append(pipe, flows)
                pipe.hset(self._key, account.hopper, account_to_wire(account))
                await pipe.execute()

    async def all(self) -> dict[HopperId, Account]:
        """Every account that was kept; one that cannot be read is left out and logged: it is polled again."""
        with our_errors():
            kept = cast(dict[bytes, bytes], await self._redis.hgetall(self._key))
        accounts: dict[HopperId, Account] = {}
        for field, value in kept.items():
            try:
                account = account_from_wire(value)
                accounts[account.hopper] = account
            except Invalid as fault:
                _log.error("a kept account cannot be read", hopper=field, reason=fault)
        return accounts

    async def drop(self, hoppers: Iterable[HopperId]) -> None:
        """Forget hoppers that the shard no longer holds."""
        names = list(hoppers)
        if names:
            with our_errors():
                await self._redis.hdel(self._key, *names)
