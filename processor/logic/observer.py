"""Who is silent, as far as an observer can tell who may have been away himself."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.imports import ImportsStanding

POD_SERVICES = ("tracker", "analyser", "controller")
"""Services whose instances are named after their pod."""
_RHYTHMS = 3
_LEAST = timedelta(minutes=10)


@dataclass(slots=True)
class Sight:
    """Since when something is seen without a break, or not seen.

    Silence is counted from then on at the earliest: who could not look says nothing about what he would have seen.
    ``longest_gap`` between two looks is no break.
    """

    longest_gap: timedelta
    clear_since: datetime | None = None
    away_since: datetime | None = None
    _looked_at: datetime | None = None

    def look(self, now: datetime, *, is_clear: bool) -> None:
        """What a look at ``now`` found."""
        if self._looked_at is not None and not timedelta(0) <= now - self._looked_at <= self.longest_gap:
            self.clear_since = self.away_since = None  # we were stopped, or the clock was set
        self._looked_at = now
        if is_clear:
            self.clear_since, self.away_since = self.clear_since or now, None
        else:
            self.clear_since, self.away_since = None, self.away_since or now

    def clear_for(self, now: datetime) -> timedelta:
        """How long it has been seen without a break."""
        return timedelta(0) if self.clear_since is None else now - self.clear_since

    def away_for(self, now: datetime) -> timedelta:
        """How long it has not been seen, though we looked."""
        return timedelta(0) if self.away_since is None else now - self.away_since


@dataclass(frozen=True, slots=True)
class Tracked:
    """A hopper that a pod holds for ``held_for``."""

    hopper: HopperId
    user: UserId
    name: str
    pod: str
    held_for: timedelta


def silent_services(ages: Mapping[str, timedelta], seen_for: timedelta, after: timedelta) -> set[str]:
    """Those (service/instance) that completed nothing for ``after``, when we have looked for so long."""
    return {who for who, age in ages.items() if age > after and seen_for > after}


def is_late(age: timedelta, every: timedelta) -> bool:
    """Whether a job of which no run was finished for ``age`` has missed three of its rhythms; ten minutes at least."""
    return age > max(_RHYTHMS * every, _LEAST)


def stalled(imports: ImportsStanding, seen_for: timedelta, after: timedelta, stuck_after: timedelta) -> str | None:
    """Why hands do nothing for imports; None: they do.

    Nobody took one up for ``after`` and none came on meanwhile: then no hand is merely busy. Or one that is in hand did
    not come on for ``stuck_after``, longer than anybody waits for a turn at Cryptohopper.
    """
    has_moved = imports.moved_for is not None and imports.moved_for <= after
    if imports.waits_for is not None and min(imports.waits_for, seen_for) > after and not has_moved:
        return "imports wait, and none comes on"
    if imports.stuck_for is not None and min(imports.stuck_for, seen_for) > stuck_after:
        return "an import in hand does not come on"
    return None


def silent_pods(ages: Mapping[str, timedelta], seen_for: timedelta, after: timedelta) -> dict[str, str]:
    """Pods of which a service is silent, and which service that is."""
    found = {}
    for who in silent_services(ages, seen_for, after):
        service, _, pod = who.partition("/")
        if service in POD_SERVICES:
            found[pod] = service
    return found


def silent_hoppers(
    tracked: Iterable[Tracked],
    unheard_for: Mapping[HopperId, timedelta],
    heard_for: timedelta,
    pods: Mapping[str, str],
    after: timedelta,
) -> dict[HopperId, str]:
    """Hoppers that nothing was heard of for ``after``, or whose pod is silent, each with the reason.

    ``unheard_for`` has those that were heard at all, ``heard_for`` is how long we have listened without a break.
    """
    found = {}
    for one in tracked:
        if one.pod in pods:
            found[one.hopper] = f"the {pods[one.pod]} that works for it has stopped"
        elif min(one.held_for, heard_for, unheard_for.get(one.hopper, timedelta.max)) > after:
            found[one.hopper] = "no live figures come from it"
    return found


def superseded(
    ages: Mapping[str, timedelta], pods: Collection[str], silent_after: timedelta, gone_after: timedelta
) -> set[str]:
    """Instances that are silent for ``gone_after`` and will not come back.

    Another of the same kind works; or nothing is assigned any more to the pod it is named after (``pods`` are in use).
    """
    working = {_kind(who) for who, age in ages.items() if age <= silent_after}
    found = set()
    for who, age in ages.items():
        service, _, name = who.partition("/")
        is_replaced = name not in pods if service in POD_SERVICES else _kind(who) in working
        if age > gone_after and is_replaced:
            found.add(who)
    return found


def _kind(who: str) -> str:
    """``streamer/binance.host-1`` and ``streamer/binance.host-2`` do the same, as ``api/host-1`` and ``api/host-2``."""
    service, _, name = who.partition("/")
    return f"{service}/{name.partition('.')[0]}" if service == "streamer" else service
