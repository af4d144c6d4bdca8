"""What whoever fills the past of rates wants from the world. Each raises Unavailable when the world is away."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from cryptwire.domain.conversion import Tellings, Told
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.market import RateNeed, Rates


class Pasts(Protocol):
    """How far the past is known; see cryptwire/storage/rate_pasts.py."""

    async def needs(self) -> Sequence[RateNeed]: ...

    async def exchanges(self) -> list[Exchange]: ...

    async def days(self, since: date) -> set[date]: ...

    async def day_read(self, day: date, rates: int) -> None: ...

    async def hours(self) -> dict[Asset, tuple[datetime, datetime]]: ...

    async def hours_read(self, coin: Asset, since: datetime, until: datetime, market: str) -> None: ...


class RateRows(Protocol):
    """Where rates are kept; see cryptwire/storage/rates.py."""

    async def add(self, rates: Rates, by: Told) -> None: ...

    async def add_series(self, currency: Asset, per_usd: Mapping[datetime, Decimal], by: Told) -> None: ...


class Series(Protocol):
    """What is told of a currency; see cryptwire/storage/rate_series.py."""

    async def told(self, currency: Asset, since: int, until: int) -> Tellings: ...
