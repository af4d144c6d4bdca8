"""How well a hopper is seen: good, delayed or blind, with a reason in words.

Silence is what the observer calls silence (``silence.py``): a minute is a delay, after five nothing is seen. Balances
change no faster than the plan lets Cryptohopper refresh them: three refreshes without a reading are a delay. Hoppers
that are not tracked are read at midnights, and their candles are filled in afterwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from cryptwire.domain.candle import SPAN
from cryptwire.domain.silence import OPERATORS_AFTER, USER_AFTER

_REFRESHES = 3
_UNREAD = timedelta(hours=1)
"""A tracked hopper whose balance was not read for so long is not seen, however often it is refreshed."""
_MIDNIGHT = timedelta(hours=26)
"""Between two midnights lie 25 hours at the most, and they are taken minutes after."""
_CANDLES = 2 * SPAN
_FILLED = timedelta(hours=2)
_GAP = SPAN
_NOTHING = timedelta(0)


class Verdict(Enum):
    """In one word; BLIND: what is shown says nothing about now."""

    GOOD = "good"
    DELAYED = "delayed"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of how a hopper is seen. None: never, or not known.

    ``is_tracked``: a pod holds it, for ``held_for``; ``live_at``: its last live state; ``prices_at``: when its exchange
    was last heard; ``polled_at``: when its balance was read; ``candle_at``: when its last candle opened; ``gap`` of the
    last day without fresh prices; ``silent_since``: what the observer has told. ``results_behind``: how long a trade
    waits for its result. ``remarks``: what else is to be known, which delays nothing.
    """

    now: datetime
    exchange: str
    refresh_every: timedelta
    deleted_at: datetime | None = None
    unlinked_at: datetime | None = None
    must_link_again: bool = False
    is_tracked: bool = False
    held_for: timedelta = _NOTHING
    live_at: datetime | None = None
    prices_at: datetime | None = None
    polled_at: datetime | None = None
    candle_at: datetime | None = None
    gap: timedelta | None = None
    silent_since: datetime | None = None
    results_behind: timedelta = _NOTHING
    is_importing: bool = False
    is_filled: bool = True
    remarks: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Judged:
    """``reason`` for the verdict, and everything else that is to be known."""

    verdict: Verdict
    reason: str
    remarks: tuple[str, ...]


def judged(sight: Sight) -> Judged:
    """The worst that can be said, and the rest."""
    blind, delayed = list(_blind(sight)), list(_delayed(sight))
    said = [*blind, *delayed, *sight.remarks]
    if blind:
        return Judged(Verdict.BLIND, said[0], tuple(said[1:]))
    if delayed:
        return Judged(Verdict.DELAYED, said[0], tuple(said[1:]))
    how = "it is tracked live" if sight.is_tracked else "it is read at each midnight, as the plan has it"
    return Judged(Verdict.GOOD, how, tuple(said))


def _blind(sight: Sight) -> Iterator[str]:
    now = sight.now
    if sight.deleted_at is not None:
        yield f"Cryptohopper does not show it any more since {sight.deleted_at:%Y-%m-%d}; its history stays"
        return
    if sight.unlinked_at is not None:
        yield f"the account is not linked any more since {sight.unlinked_at:%Y-%m-%d}; link it again to go on"
        return
    if sight.must_link_again:
        yield "Cryptohopper does not accept the link any more; link the account again"
    if sight.is_tracked:
        unheard = sight.held_for if sight.live_at is None else min(now - sight.live_at, sight.held_for)
        if unheard > USER_AFTER:
            yield f"no live figures come from it for {span(unheard)}"
        elif sight.silent_since is not None:
            yield f"no live figures came from it since {sight.silent_since:%H:%M} UTC; they begin again"
        elif sight.prices_at is not None and now - sight.prices_at > USER_AFTER:
            yield f"{sight.exchange} was not heard for {span(now - sight.prices_at)}"
    if sight.polled_at is None:
        if not sight.is_importing and not (sight.is_tracked and sight.held_for <= USER_AFTER):
            yield "its balance was never read"
    elif now - sight.polled_at > (max(_UNREAD, _REFRESHES * sight.refresh_every) if sight.is_tracked else _MIDNIGHT):
        yield f"its balance was not read for {span(now - sight.polled_at)}"


def _delayed(sight: Sight) -> Iterator[str]:
    now = sight.now
    if sight.deleted_at is not None or sight.unlinked_at is not None:
        return
    if sight.is_importing:
        yield "an import is under way: what is shown may not be whole yet"
    elif not sight.is_filled:
        yield "its past is being filled in"
    if sight.is_tracked:
        unheard = sight.held_for if sight.live_at is None else min(now - sight.live_at, sight.held_for)
        if OPERATORS_AFTER < unheard <= USER_AFTER:
            yield f"no live figures come from it for {span(unheard)}"
        if sight.prices_at is not None and OPERATORS_AFTER < now - sight.prices_at <= USER_AFTER:
            yield f"{sight.exchange} was not heard for {span(now - sight.prices_at)}"
        late = _REFRESHES * sight.refresh_every + OPERATORS_AFTER
        if sight.polled_at is not None and late < now - sight.polled_at <= max(_UNREAD, late):
            yield f"its balance was not read for {span(now - sight.polled_at)}"
    patience = _CANDLES if sight.is_tracked else _FILLED
    if sight.candle_at is not None and now - sight.candle_at - SPAN > patience:
        yield f"its last candle is {span(now - sight.candle_at - SPAN)} old"
    if sight.results_behind > OPERATORS_AFTER:
        yield f"results of trades are {span(sight.results_behind)} behind"
    if sight.gap is not None and sight.gap > _GAP:
        yield f"of the last day {span(sight.gap)} are without fresh prices"


def span(length: timedelta) -> str:
    """In words, the largest unit alone: ``7 minutes``."""
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number = int(length.total_seconds() // seconds)
        if number:
            return f"{number} {unit}{'s' * (number > 1)}"
    return "0 seconds"
