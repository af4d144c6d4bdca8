"""What the gateway wants from the world: an account upstream, keys that wrap keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade
from cryptwire.errors import Unavailable


class TokenRefused(Unavailable):
    """Upstream does not accept this access token; a renewed one may do."""


class Late(Unavailable):
    """The caller's deadline came first."""


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What upstream gives for a code or a refresh token. ``refresh`` is None when it named no new one."""

    access: str
    refresh: str | None
    scopes: tuple[str, ...]
    lives: timedelta


@dataclass(frozen=True, slots=True)
class LinkedHopper:
    """A hopper as upstream shows it; ``total`` is upstream's own sum in the hopper's base currency."""

    hopper: Hopper
    is_enabled: bool
    plan: str
    total: Decimal | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class TradePage:
    """A page of the trade list, in upstream's order (newest first).

    ``length`` is how many rows it had, those included that could not be read; ``skipped`` how many these were.
    """

    trades: tuple[Trade, ...]
    length: int
    is_last: bool
    skipped: int


@dataclass(frozen=True, slots=True)
class PositionList:
    """The open positions; ``skipped`` rows could not be read."""

    positions: tuple[Position, ...]
    skipped: int


class Upstream(Protocol):
    """An account somewhere else. Every method is one request, given up after ``timeout``.

    They raise TokenRefused, NotFound, Forbidden, Invalid, Exhausted or Unavailable; Corrupt for an answer above the
    size limit. No error holds anything of what upstream said but its status.
    """

    async def hoppers(self, token: str, user: UserId, timeout: timedelta) -> list[LinkedHopper]: ...

    async def hopper(self, token: str, user: UserId, hopper: HopperId, timeout: timedelta) -> LinkedHopper: ...

    async def config(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[str, str]:
        """The fields of its configuration, without keys and secrets."""
        ...

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        """The whole balance of each coin, those above 0."""
        ...

    async def positions(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> PositionList:
        """Open positions. ``home`` has the hopper's exchange, and its base currency as quote."""
        ...

    async def trades(
        self, token: str, hopper: HopperId, home: Pair, since: datetime, offset: int, timeout: timedelta
    ) -> TradePage:
        """One page from ``offset`` of the trades since about ``since``: some older ones may be among them."""
        ...


class SignIn(Protocol):
    """Upstream's OAuth. Neither call is repeated: a lost answer may have spent the code or the refresh token."""

    async def link(self, code: str, redirect_uri: str) -> Grant:
        """Raises Invalid when the code is spent or expired, Unavailable."""
        ...

    async def renew(self, refresh: str) -> Grant:
        """Raises LinkAgain when the refresh token is not accepted any more, Unavailable."""
        ...


class MasterKeys(Protocol):
    """Wraps and unwraps data keys; the master key itself never comes out."""

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        """The name of the master key and the wrapped key, which opens only with the same ``bound``."""
        ...

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        """The data key; raises Corrupt."""
        ...
