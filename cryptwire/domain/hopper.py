"""A hopper, Cryptohopper's name for one of a user's trading bots."""

from dataclasses import dataclass
from datetime import timedelta
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


@dataclass(frozen=True, slots=True)
class Assignment:
    """A hopper that a pod holds, and the fence under which it does: it grows whenever the pod changes."""

    hopper: Hopper
    fence: int
