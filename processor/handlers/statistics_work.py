"""Days of one hopper that are to be computed, and how they are cut into pieces."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from cryptwire.domain.daily import Daily, Progress, Standing
from cryptwire.domain.day import Day
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.result import Ledger, Prices
from processor.logic import statistics as logic
from processor.logic.statistics import Before, Facts

_DAYS_OF_ONE = 31
_DAYS_AT_ONCE = 400
DAY_BEFORE = "day-before"
"""Under what a kept ledger holds itself as it was before the last day."""


class Work:
    """Days of one hopper that are to be computed, oldest first, and how it stood before the first of them."""

    def __init__(
        self,
        standing: Standing,
        days: Sequence[Day],
        begins_at: datetime,
        start: datetime,
        ledger: Ledger,
        before: Before,
        *,
        is_anew: bool,
    ) -> None:
        self.standing = standing
        self.days = days
        self.begins_at = begins_at
        self.start = start
        self.ledger = ledger
        self.before = before
        self.is_anew = is_anew

    @property
    def hopper(self) -> Hopper:
        return self.standing.hopper

    def after(self, number: int, progress: Progress, last: Daily) -> "Work":
        """The rest, when the first ``number`` days are written."""
        standing = replace(self.standing, version=progress.version, until_at=progress.until_at)
        before = Before(last.index, last.closing, last.currency)
        return Work(
            standing,
            self.days[number:],
            self.begins_at,
            progress.until_at,
            self.ledger,
            before,
            is_anew=self.is_anew,
        )


def figures(
    work: Work, days: Sequence[Day], facts: Facts, prices: Prices
) -> tuple[list[Daily], dict[str, object] | None]:
    """The figures of ``days``, and what the ledger was before the last of them, with the moment of that."""
    done: list[Daily] = []
    before, day_before = work.before, None
    version, zone = work.standing.newest_version, work.standing.zone
    for first, end in _parts(work.standing, days):
        if done:
            before = Before(done[-1].index, done[-1].closing, done[-1].currency)
        if end == len(days):
            day_before = {**work.ledger.as_json(), "at": days[-1].begins_at.isoformat()}
        part, hopper = slice(first, end), work.standing.hopper_at(days[first].ends_at)
        some = replace(facts, candles=facts.candles[part])
        done += logic.days_of(hopper, zone, version, days[part], some, work.ledger, before, prices)
    return done, day_before


def _parts(standing: Standing, days: Sequence[Day]) -> list[tuple[int, int]]:
    """Days in a row that have one base currency, and the last for itself: numbers of the first and behind the last."""
    cuts = [
        number
        for number in range(1, len(days))
        if number == len(days) - 1
        or standing.hopper_at(days[number].ends_at).base != standing.hopper_at(days[number - 1].ends_at).base
    ]
    return list(pairwise([0, *cuts, len(days)])) if days else []


def next_group(pending: list[Work]) -> tuple[list[tuple[Work, Sequence[Day]]], list[Work]]:
    """As many of ``pending`` as are computed together, each with its next days; and the others."""
    group: list[tuple[Work, Sequence[Day]]] = []
    total = 0
    for number, work in enumerate(pending):
        days = work.days[:_DAYS_OF_ONE]
        if group and total + len(days) > _DAYS_AT_ONCE:
            return group, pending[number:]
        group.append((work, days))
        total += len(days)
    return group, []
