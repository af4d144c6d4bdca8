"""What the tracker wants from the world, in its own words. Each raises Unavailable when the world is away."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from cryptwire.domain.account import Account
from cryptwire.domain.hopper import Assignment, Exchange, Hopper, HopperId
from cryptwire.domain.ticker import Ticker
from cryptwire.domain.trade import Trade


class Duties(Protocol):
    """Which hoppers this pod holds."""

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        """None when the pod was not confirmed lately: it may not act, and has lost nothing."""
        ...


class Balances(Protocol):
    """What a hopper holds, read from Cryptohopper."""

    async def read(self, hopper: Hopper) -> Account:
        """Balances and positions of one instant."""
        ...

    async def trades_since(self, hopper: Hopper, since: datetime) -> list[Trade]:
        """The trade list from ``since`` on, oldest first."""
        ...


class StoredTrades(Protocol):
    """Fills that are in the database."""

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Trade]]:
        """Those made in one span ``[since, until)`` of each hopper; without a key where there are none."""
        ...


class Flows(Protocol):
    """Where flow candidates go."""

    async def push(self, values: Sequence[bytes]) -> None: ...


class KeptAccounts(Protocol):
    """Accounts as last read, through a restart."""

    async def keep(self, account: Account, flows: Sequence[bytes] = ()) -> None:
        """With the flow candidates that it told of: both or neither."""
        ...

    async def all(self) -> dict[HopperId, Account]: ...

    async def drop(self, hoppers: Iterable[HopperId]) -> None: ...


class LastPrices(Protocol):
    """The last price of every pair of an exchange."""

    async def all_of(self, exchange: Exchange) -> list[Ticker]: ...


class ClosedCandles(Protocol):
    """Where closed candles go, with the state of the shard: both or neither."""

    async def push(self, candles: Sequence[bytes], state_of: str | None = None, state: bytes | None = None) -> None: ...

    async def state(self, shard: str) -> bytes | None: ...
