"""A hopper, Cryptohopper's name for one of a user's trading bots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NewType

HopperId = NewType("HopperId", str)
"""Cryptohopper's id, as text; a replay's rows stand under ``replay-<id>``."""
UserId = NewType("UserId", str)
"""Ours: a UUID, as text."""
Asset = NewType("Asset", str)
"""A currency or coin, upper case: ``BTC``."""
Exchange = NewType("Exchange", str)
"""ccxt's id: ``binance``."""


@dataclass(frozen=True, slots=True)
class Hopper:
    """One of a user's hoppers. ``refresh_every`` is the plan's rhythm: upstream's data change no faster."""

    id: HopperId
    user: UserId
    name: str
    exchange: Exchange
    base: Asset
    is_paper: bool
    refresh_every: timedelta


def with_base(hopper: Hopper, bases: Sequence[tuple[datetime, Asset]], moment: datetime) -> Hopper:
    """The hopper with the base currency that it had at ``moment``; ``bases``: until when it had another, and which,
    oldest first.
    """
    base = next((was for until, was in bases if moment <= until), hopper.base)
    return hopper if base == hopper.base else replace(hopper, base=base)


@dataclass(frozen=True, slots=True)
class LinkedHopper:
    """A hopper as upstream shows it now. ``total`` is upstream's own sum in its base currency, a cross-check; ``error``
    what upstream says is wrong with it, empty for nothing.
    """

    hopper: Hopper
    is_enabled: bool
    plan: str
    total: Decimal | None
    created_at: datetime | None
    is_buying: bool = True
    is_selling: bool = True
    error: str = ""

    @property
    def id(self) -> HopperId:
        return self.hopper.id

    @property
    def refresh_every(self) -> timedelta:
        """How often upstream renews the data of this plan."""
        return self.hopper.refresh_every


@dataclass(frozen=True, slots=True)
class Assignment:
    """A hopper that a pod holds, and the fence under which it does: it grows whenever the pod changes."""

    hopper: Hopper
    fence: int
