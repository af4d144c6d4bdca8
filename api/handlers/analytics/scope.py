"""What is asked about: hoppers of one user over whole days of his, and how amounts are told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Protocol

from api.logic import hopper_id
from cryptwire.domain.day import day_at, day_of, zone_of
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import Invalid, NotFound

MOST_DAYS = 3_700
MOST_HOPPERS = 100
_SHOWN_DAYS = 30
_YEARS = range(1971, 2200)
_CURRENCY = re.compile(r"[A-Z0-9]{2,20}", re.ASCII)


class HopperKind(Enum):
    """Hoppers that trade with real money, or with play money: never summed."""

    LIVE = "live"
    PAPER = "paper"


class Person(Protocol):
    """A user, as far as figures need him."""

    @property
    def zone(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def preferences(self) -> Preferences: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A choice as it was sent; None stands for what most would mean."""

    hoppers: Sequence[str] | None = None
    kind: HopperKind | None = None
    since: date | None = None
    until: date | None = None
    currency: str | None = None
    is_masked: bool | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Hoppers of one user, all live or all paper, over the days from ``since`` to ``until``, both among them.

    ``[begins_at, ends_at)`` are the instants of these days, ``ends_at`` not after ``now``. Amounts are told in
    ``currency``, or not at all when ``is_masked``.
    """

    user: UserId
    zone: str
    hoppers: tuple[KnownHopper, ...]
    is_paper: bool
    since: date
    until: date
    begins_at: datetime
    ends_at: datetime
    currency: Asset
    is_masked: bool
    now: datetime

    @property
    def ids(self) -> list[HopperId]:
        """Of the hoppers, in their order."""
        return [known.hopper.id for known in self.hoppers]

    @property
    def includes_today(self) -> bool:
        """Whether the last day is the one in progress."""
        return self.ends_at == self.now


def scope_of(user: UserId, person: Person, known: Sequence[KnownHopper], asked: Asked, now: datetime) -> Scope:
    """The scope of what was asked; ``known``: all hoppers of the user, the deleted ones too.

    Without hoppers all of a kind are meant, live ones unless the kind says otherwise, also those that were deleted:
    what they earned was earned. Without dates it is the last thirty days to today. Raises NotFound for a hopper that is
    not the user's, Invalid for what contradicts itself.
    """
    chosen = _chosen(known, asked)
    zone = zone_of(person.zone)
    today = day_at(zone, now).date
    until = min(asked.until or today, today)
    since = asked.since or max(until - timedelta(days=_SHOWN_DAYS - 1), date(_YEARS.start, 1, 1))
    for each in (since, asked.until or today):
        if each.year not in _YEARS:
            raise Invalid(f"dates are from {_YEARS.start} to {_YEARS.stop - 1}")
    if since > until:
        raise Invalid(
            "since is after today" if asked.until is None or since > today else "since is after until; swap the dates"
        )
    if (until - since).days >= MOST_DAYS:
        raise Invalid(f"{MOST_DAYS:,} days can be asked for at once, not {(until - since).days + 1:,}")
    begins_at = _beginning(person.zone, since)
    ends_at = now if until == today else _beginning(person.zone, until + timedelta(days=1))
    currency = currency_of(person.currency if asked.currency is None else asked.currency)
    is_masked = person.preferences.masks_amounts if asked.is_masked is None else asked.is_masked
    is_paper = chosen[0].hopper.is_paper if chosen else asked.kind is HopperKind.PAPER
    return Scope(
        user,
        person.zone,
        tuple(chosen),
        is_paper,
        since,
        until,
        begins_at,
        min(ends_at, now),
        currency,
        is_masked,
        now,
    )


def currency_of(text: str) -> Asset:
    """A currency or coin in whatever case; raises Invalid for what cannot be one."""
    if not _CURRENCY.fullmatch(text.upper()):
        raise Invalid(f"{text[:20]!r} is no currency; say one such as EUR or BTC")
    return Asset(text.upper())


def _chosen(known: Sequence[KnownHopper], asked: Asked) -> list[KnownHopper]:
    if asked.hoppers is None:
        is_paper = asked.kind is HopperKind.PAPER
        found = [one for one in known if one.hopper.is_paper is is_paper]
    else:
        by_id = {one.hopper.id: one for one in known}
        found = []
        for text in dict.fromkeys(asked.hoppers):
            one = by_id.get(hopper_id(text))
            if one is None:
                raise NotFound(f"there is no hopper {text[:40]}")
            found.append(one)
        if not found:
            raise Invalid("name a hopper, or leave hopperIds out for all")
        kinds = {one.hopper.is_paper for one in found}
        if len(kinds) > 1:
            raise Invalid("live and paper hoppers are never summed: ask for each kind by itself")
        if asked.kind is not None and kinds != {asked.kind is HopperKind.PAPER}:
            raise Invalid(f"these hoppers are not {asked.kind.value}; leave kind out when you name hoppers")
    if len(found) > MOST_HOPPERS:
        raise Invalid(f"{MOST_HOPPERS} hoppers can be asked for at once, not {len(found)}; name them")
    return found


@lru_cache(4_096)
def _beginning(zone: str, on: date) -> datetime:
    """When a date begins; of a date that the zone leaves out, when the next one does."""
    for _ in range(3):
        day = day_of(zone_of(zone), on)
        if day is not None:
            return day.begins_at
        on += timedelta(days=1)
    raise Invalid(f"{on} is no date in {zone}")
