"""What each of a hopper's trades cost and closed, and how far that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.result import Result
from cryptwire.domain.trade import Trade

Wanted = tuple[Exchange, Asset, Asset, datetime]
"""A price of the past: what one unit of the first asset was worth in the second."""


class Place(NamedTuple):
    """Of a trade among those of its hopper: by time, then by id, shorter ids first, for they are numbers."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class KnownTrade:
    """A trade, and what was found out about it before, which stays as it is: ``fee`` in its quote, and ``rate`` units
    of ``currency`` for one of its quote. None: not known.
    """

    trade: Trade
    fee: Decimal | None = None
    currency: Asset | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TradeResult:
    """A trade; its ``fee`` in its quote; ``rate`` units of ``currency``, the hopper's base currency then, for one of
    its quote; and what it closed, if anything. None: nobody knows.
    """

    trade: Trade
    fee: Decimal | None
    currency: Asset
    rate: Decimal | None
    result: Result | None


@dataclass(frozen=True, slots=True)
class ResultStanding:
    """How far a hopper's results are: there until ``until``, None for none. ``ledger``: what the trades have left then.

    ``bases``: until when the hopper had another base currency, and which, oldest first; ``counted`` changes of it are
    counted in. ``late_at``: of the first trade before ``until`` that has no result, or not as it is now.
    ``computed_at`` changes with each writing, None before the first. ``is_again``: prices that were not known are to
    be asked for once more, after ``tries`` times.
    """

    hopper: Hopper
    bases: Sequence[tuple[datetime, Asset]]
    until: Place | None
    ledger: Mapping[str, Any]
    counted: int
    late_at: datetime | None
    again_at: datetime | None
    is_again: bool
    tries: int
    computed_at: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class ResultProgress:
    """How far results are after a writing; ``said``: what is not known, empty for nothing."""

    hopper: HopperId
    until: Place | None
    ledger: Mapping[str, Any]
    bases: int
    again_at: datetime | None
    tries: int
    computed_at: datetime
    said: str
