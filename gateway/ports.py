"""What the gateway wants from the world: an account upstream, keys that wrap keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from cryptwire.domain.account import Order, OutputEntry, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade
from cryptwire.errors import Unavailable

T = TypeVar("T")


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
class TradePage:
    """A page of the trade list, in upstream's order (newest first).

    ``length`` is how many rows it had, those included that could not be read; ``skipped`` how many these were.
    """

    trades: tuple[Trade, ...]
    length: int
    is_last: bool
    skipped: int

    @property
    def is_unreadable(self) -> bool:
        """Nothing of what it holds could be read."""
        return self.skipped > 0 and not self.trades


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """Rows of a list; ``skipped`` of upstream's could not be read."""

    rows: tuple[T, ...]
    skipped: int

    @property
    def is_unreadable(self) -> bool:
        """Nothing of what it holds could be read."""
        return self.skipped > 0 and not self.rows


class Urgency(IntEnum):
    """Of a request within its token's budget, the first come first."""

    ACTION = 0
    """Actions and their checks; a share of the budget is kept for them."""
    SIGN_IN = 1
    POLL = 2
    TRADES = 3
    IMPORT = 4


class Budget(Protocol):
    """The rate budget of each token, shared by every gateway."""

    async def take(self, user: UserId, until: datetime, urgency: Urgency, *, is_order: bool = False) -> None:
        """Return when one request may be sent; ``is_order``: it counts in the bucket of orders, too.

        Raises Exhausted with the time to wait, at once, when the turn would come after ``until``; Unavailable when the
        budget cannot be told (never for an ACTION, which then counts in this process alone).
        """
        ...

    async def hold(self, user: UserId, seconds: float) -> None:
        """Send nothing for ``seconds``: upstream said that it is too much."""
        ...


class Upstream(Protocol):
    """An account somewhere else. Every method is one request, given up after ``timeout``.

    They raise TokenRefused, NotFound, Forbidden, Invalid, Exhausted or Unavailable; Corrupt for an answer above the
    size limit. No error holds anything of what upstream said but its status.
    """

    def check(self) -> None:
        """Raises Unavailable while nothing would be sent, because upstream is away: nobody need wait for a turn."""
        ...

    # ---- reads; ``home`` has the hopper's exchange, and its base currency as quote ----

    async def hoppers(self, token: str, user: UserId, timeout: timedelta) -> list[LinkedHopper]: ...

    async def hopper(self, token: str, user: UserId, hopper: HopperId, timeout: timedelta) -> LinkedHopper: ...

    async def config(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[str, str]:
        """The fields of its configuration, without keys and secrets."""
        ...

    async def assets(self, token: str, hopper: HopperId, timeout: timedelta) -> dict[Asset, Decimal]:
        """The whole balance of each coin, those above 0."""
        ...

    async def positions(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Position]: ...

    async def reserved(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Reserved]: ...

    async def shorts(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Short]: ...

    async def orders(self, token: str, hopper: HopperId, home: Pair, timeout: timedelta) -> Rows[Order]: ...

    async def trades(
        self, token: str, hopper: HopperId, home: Pair, since: datetime, offset: int, timeout: timedelta
    ) -> TradePage:
        """One page from ``offset`` of the trades since about ``since``: some older ones may be among them."""
        ...

    async def output(self, token: str, hopper: HopperId, since: datetime, timeout: timedelta) -> Rows[OutputEntry]:
        """Its log since about ``since``, newest first, 500 entries at most."""
        ...

    # ---- actions: each gives what upstream said, 200 characters at most ----
    #
    # Unavailable: it was surely not sent. Unconfirmed: it may have been done. The other errors: upstream refused.

    async def start_panic(self, token: str, hopper: HopperId, timeout: timedelta, *, is_market: bool) -> str: ...

    async def stop_panic(self, token: str, hopper: HopperId, timeout: timedelta) -> str: ...

    async def sell_positions(
        self, token: str, hopper: HopperId, positions: Sequence[str], timeout: timedelta, *, is_market: bool
    ) -> str: ...

    async def cancel_orders(self, token: str, hopper: HopperId, orders: Sequence[str], timeout: timedelta) -> str:
        """``orders`` empty: every open one."""
        ...

    async def set_enabled(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str: ...

    async def set_buying(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str: ...

    async def set_selling(self, token: str, hopper: HopperId, timeout: timedelta, *, is_on: bool) -> str: ...

    async def change_config(self, token: str, hopper: HopperId, changes: Mapping[str, str], timeout: timedelta) -> str:
        """Send these fields and no others."""
        ...


class SignIn(Protocol):
    """Upstream's OAuth. No call is repeated: a lost answer may have spent the code or the refresh token."""

    def authorize_url(self, redirect_uri: str, state: str, challenge: str | None) -> str:
        """Where the user's consent is asked for; ``challenge`` is PKCE's, by S256."""
        ...

    async def link(self, code: str, redirect_uri: str, verifier: str | None) -> Grant:
        """Raises Invalid when the code is spent or expired, Unavailable."""
        ...

    async def renew(self, refresh: str) -> Grant:
        """Raises LinkAgain when the refresh token is not accepted any more, Unavailable."""
        ...

    async def revoke(self, token: str) -> bool:
        """Whether upstream confirmed that the token is worth nothing now (RFC 7009); raises nothing of ours."""
        ...


class MasterKeys(Protocol):
    """Wraps and unwraps data keys; the master key itself never comes out. Raises Unavailable while it is away."""

    async def current(self) -> str:
        """The name of the key that wraps now; what another one wrapped is to be wrapped anew."""
        ...

    async def wrap(self, key: bytes, bound: bytes) -> tuple[str, bytes]:
        """The name of the master key and the wrapped key, which opens only with the same ``bound``."""
        ...

    async def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        """The data key; raises Corrupt."""
        ...
