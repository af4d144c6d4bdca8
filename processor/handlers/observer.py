"""The observer (requirement R24): tells when others complete no work any more, and when they do again."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.clock import Clock, from_us
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.imports import ImportsStanding
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.silence import OPERATORS_AFTER, USER_AFTER
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health
from cryptwire.storage import notices, outages
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.heartbeats import Beat, Heartbeats
from cryptwire.storage.job_runs import JobStanding
from cryptwire.storage.outages import Outage, Outages
from processor.logic.observer import (
    Sight,
    Tracked,
    is_late,
    silent_hoppers,
    silent_pods,
    silent_services,
    stalled,
    superseded,
)
from processor.ports import Bus
from processor.ports.observer import ImportBook, JobBook

_log = Log(__name__)
_SERVICE, _SERVER, _HOPPER, _USER = "service:", "server:", "hopper:", "user:"
_JOB, _IMPORTS = "job:", "imports:"
_NATS, _REDIS = "nats", "redis"
_BAD = ("service-silent", "server-away", "job-late", "imports-stalled", "silence")
_AT_ONCE = 200  # notices in one transaction


@dataclass(frozen=True, slots=True)
class Patience:
    """After which silence those who run the system are told, after which the user, when one is given up for good.

    ``round_every``: how often the observer looks.
    """

    operators: timedelta = OPERATORS_AFTER
    user: timedelta = USER_AFTER
    gone: timedelta = timedelta(hours=1)
    round_every: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Told:
    """A silence and the notice of it, or the end of one and the notice of that; None: nobody needs to hear of it."""

    outage: Outage
    notice: Notice | None


class Observer:
    """One replica's eyes. Each looks; of those who see the same one tells, by the rows of ``outages``.

    It judges by what it could see itself: while Redis is away it says so and nothing of services, while NATS is away
    nothing of single hoppers. What it missed while it was stopped counts as not looked at.
    """

    def __init__(
        self,
        database: Database,
        heartbeats: Heartbeats,
        jobs: JobBook,
        imports: ImportBook,
        nats: Callable[[], Awaitable[None]],
        bus: Bus,
        clock: Clock,
        meters: Meters,
        health: Health,
        patience: Patience,
    ) -> None:
        self._database = database
        self._heartbeats = heartbeats
        self._jobs = jobs
        self._imports = imports
        self._nats = nats
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._health = health
        self._patience = patience
        self._outages = Outages(database)
        self._assignments = Assignments(database)
        longest_gap = max(5 * patience.round_every, patience.operators / 2)
        self._sights = {_REDIS: Sight(longest_gap), _NATS: Sight(longest_gap)}
        self._rows = Sight(longest_gap)
        self._reasons: dict[str, str] = {}
        self._heard_at: dict[str, datetime] = {}
        self._rounded_at = clock.now()

    # -- what is seen ----------------------------------------------------------------------------------------------

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``: that it came is enough."""
        self._heard_at[message.subject] = self._clock.now()

    async def watch_itself(self) -> None:
        """Keep readiness true, forever: the observer is well while it completes rounds. /readyz is who watches it."""
        while True:
            silent_for = self._clock.now() - self._rounded_at
            is_well = timedelta(0) <= silent_for <= self._patience.operators
            word = "observes" if is_well else f"has completed no round for {silent_for.total_seconds():.0f} s"
            self._health.mark("observer", is_well, word)
            self._meters.set("observer_round_age_seconds", "Since a round was completed", silent_for.total_seconds())
            await self._clock.sleep(self._patience.round_every)

    async def observe(self) -> int:
        """One round; how many were told of something, which is not looked at again at once. Raises Unavailable."""
        beats = await self._look_at(_REDIS, self._heartbeats.all)
        await self._look_at(_NATS, self._nats)
        held = [
            Tracked(one.hopper, one.user, one.name, one.pod, one.held_for)
            for one in await self._assignments.everywhere()
        ]
        standings, imports = await self._jobs.standings(), await self._imports.standing()
        told = await self._outages.open()
        now = self._clock.now()
        self._rows.look(now, is_clear=True)  # while the database is away a round ends before
        ages = {} if beats is None else {who: beat.age for who, beat in beats.items()}
        begun = self._servers_away(now)
        ended = self._servers_back(now, told)
        if beats is not None:
            begun += self._services_silent(now, beats, ages)
            ended += self._services_back(now, told, beats, ages)
            for who in superseded(ages, {one.pod for one in held}, self._patience.operators, self._patience.gone):
                _log.warning("nobody waits for it any more", service=who)
                await self._heartbeats.end(who)
        begun += self._jobs_late(now, standings)
        ended += self._jobs_done(now, told, standings)
        self._look_at_imports(now, told, imports, begun, ended)
        begun += self._hoppers_silent(now, held, ages)
        ended += self._hoppers_sound(now, told, held, ages)
        self._forget(held)
        await self._tell(begun, outages.begin)
        await self._tell(ended, outages.end)
        self._rounded_at = self._clock.now()
        self._meters.count("observer_rounds", "Rounds of the observer")
        return 0

    async def _look_at(
        self, server: str, look: Callable[[], Awaitable[dict[str, Beat] | None]]
    ) -> dict[str, Beat] | None:
        try:
            found = await look()
        except CryptwireError as error:
            self._reasons[server] = str(error)
            found, is_clear = None, False
        else:
            is_clear = True
        self._sights[server].look(self._clock.now(), is_clear=is_clear)
        self._meters.set("observer_sees", "Whether the observer reaches a server", float(is_clear), server=server)
        return found

    # -- servers ---------------------------------------------------------------------------------------------------

    def _servers_away(self, now: datetime) -> list[Told]:
        begun = []
        for server, sight in self._sights.items():
            if sight.away_since is not None and sight.away_for(now) > self._patience.operators:
                outage = Outage(f"{_SERVER}{server}", None, sight.away_since)
                facts = {"server": server, "reason": self._reasons[server], "last_at": _text(sight.away_since)}
                begun.append(_failure(outage, "server-away", now, facts))
        return begun

    def _servers_back(self, now: datetime, told: dict[str, Outage]) -> list[Told]:
        ended = []
        for server, sight in self._sights.items():
            outage = told.get(f"{_SERVER}{server}")
            if outage is not None and sight.clear_since is not None:
                facts = {"server": server, "last_at": _text(outage.began_at)}
                ended.append(_info(outage, "server-back", now, facts))
        return ended

    # -- services --------------------------------------------------------------------------------------------------

    def _services_silent(self, now: datetime, beats: dict[str, Beat], ages: dict[str, timedelta]) -> list[Told]:
        seen_for = self._sights[_REDIS].clear_for(now)
        silent = silent_services(ages, seen_for, self._patience.operators)
        self._meters.set("observer_silent_services", "Services that complete no work", len(silent))
        begun = []
        for who in sorted(silent):
            last_at = from_us(beats[who].at)
            facts = {"service": who, "work": beats[who].work, "last_at": _text(last_at)}
            begun.append(_failure(Outage(f"{_SERVICE}{who}", None, last_at), "service-silent", now, facts))
        return begun

    def _services_back(
        self, now: datetime, told: dict[str, Outage], beats: dict[str, Beat], ages: dict[str, timedelta]
    ) -> list[Told]:
        ended = []
        for outage in _of(told, _SERVICE):
            who = outage.subject.removeprefix(_SERVICE)
            if who not in beats:
                ended.append(Told(outage, None))  # it said goodbye, or nobody waits for it any more
            elif ages[who] <= self._patience.operators:
                facts = {"service": who, "last_at": _text(outage.began_at)}
                ended.append(_info(outage, "service-back", now, facts))
        return ended

    # -- jobs and imports ------------------------------------------------------------------------------------------

    def _jobs_late(self, now: datetime, standings: Mapping[str, JobStanding]) -> list[Told]:
        """Jobs that somebody serves, and that finish no run; a service that beats may have one that hangs."""
        if self._rows.clear_for(now) <= self._patience.operators:
            return []
        late = [one for _, one in sorted(standings.items()) if is_late(one.age, one.every)]
        self._meters.set("observer_late_jobs", "Jobs of which no run is finished", len(late))
        begun = []
        for one in late:
            facts = {"job": one.job, "every": f"{one.every.total_seconds() / 60:g}", "last_at": _text(one.last_at)}
            begun.append(_failure(Outage(f"{_JOB}{one.job}", None, one.last_at), "job-late", now, facts))
        return begun

    def _jobs_done(self, now: datetime, told: dict[str, Outage], standings: Mapping[str, JobStanding]) -> list[Told]:
        ended = []
        for outage in _of(told, _JOB):
            one = standings.get(outage.subject.removeprefix(_JOB))
            if one is None:
                ended.append(Told(outage, None))  # nobody serves it any more
            elif one.finished_at is not None and one.finished_at > outage.began_at:
                facts = {"job": one.job, "last_at": _text(outage.began_at)}
                ended.append(_info(outage, "job-done", now, facts))
        return ended

    def _look_at_imports(
        self, now: datetime, told: dict[str, Outage], imports: ImportsStanding, begun: list[Told], ended: list[Told]
    ) -> None:
        reason = stalled(imports, self._rows.clear_for(now), self._patience.user, self._patience.gone)
        self._meters.set("observer_stalled_imports", "Whether hands do nothing for imports", float(reason is not None))
        outage = told.get(_IMPORTS)
        if reason is not None:
            facts = {"reason": reason, "last_at": "" if imports.moved_at is None else _text(imports.moved_at)}
            begun.append(_failure(Outage(_IMPORTS, None, imports.moved_at or now), "imports-stalled", now, facts))
        elif outage is not None:
            ended.append(_info(outage, "imports-go-on", now, {"last_at": _text(outage.began_at)}))

    # -- hoppers ---------------------------------------------------------------------------------------------------

    def _hoppers_silent(self, now: datetime, held: list[Tracked], ages: dict[str, timedelta]) -> list[Told]:
        patience = self._patience.user
        nats = self._sights[_NATS]
        if nats.away_since is not None:
            return self._users_without_nats(now, held, nats) if nats.away_for(now) > patience else []
        pods = silent_pods(ages, self._sights[_REDIS].clear_for(now), patience)
        unheard = {
            one.hopper: now - at for one in held if (at := self._heard_at.get(LIVE.live(one.hopper))) is not None
        }
        silent = silent_hoppers(held, unheard, nats.clear_for(now), pods, patience)
        self._meters.set("observer_silent_hoppers", "Tracked hoppers of which nothing is heard", len(silent))
        begun = []
        for one in held:
            if one.hopper in silent:
                last_at = now - min(unheard.get(one.hopper, one.held_for), max(nats.clear_for(now), patience))
                outage = Outage(f"{_HOPPER}{one.hopper}", one.user, last_at)
                begun.append(self._silence(outage, now, silent[one.hopper], one.name, one.hopper))
        return begun

    def _users_without_nats(self, now: datetime, held: list[Tracked], nats: Sight) -> list[Told]:
        """Nothing can be said of single hoppers then; whose hoppers are tracked is told that none is watched."""
        since = nats.away_since or now
        return [
            self._silence(
                Outage(f"{_USER}{user}", user, since), now, "a server of ours does not answer", "your hoppers", None
            )
            for user in sorted({one.user for one in held})
        ]

    def _silence(self, outage: Outage, now: datetime, reason: str, name: str, hopper: HopperId | None) -> Told:
        minutes = f"{self._patience.user.total_seconds() / 60:g}"
        facts = {"hopper": name, "minutes": minutes, "reason": reason, "last_at": _text(outage.began_at)}
        return _failure(outage, "silence", now, facts, hopper)

    def _hoppers_sound(
        self, now: datetime, told: dict[str, Outage], held: list[Tracked], ages: dict[str, timedelta]
    ) -> list[Told]:
        ended = []
        by_id = {one.hopper: one for one in held}
        broken = silent_pods(ages, timedelta.max, self._patience.operators)
        for outage in _of(told, _HOPPER):
            hopper = HopperId(outage.subject.removeprefix(_HOPPER))
            heard_at = self._heard_at.get(LIVE.live(hopper))
            if hopper not in by_id:
                ended.append(Told(outage, None))  # it is not tracked any more
            elif self._sights[_REDIS].clear_since is None or by_id[hopper].pod in broken:
                continue
            elif heard_at is not None and now - heard_at <= self._patience.operators and heard_at > outage.began_at:
                facts = {"hopper": by_id[hopper].name, "last_at": _text(outage.began_at)}
                ended.append(_failure(outage, "sound-again", now, facts, hopper))
        if self._sights[_NATS].clear_since is not None:
            for outage in _of(told, _USER):
                facts = {"hopper": "your hoppers", "last_at": _text(outage.began_at)}
                ended.append(_failure(outage, "sound-again", now, facts))
        return ended

    def _forget(self, held: list[Tracked]) -> None:
        """What was heard of hoppers that nobody tracks any more, when it is much."""
        if len(self._heard_at) > 2 * len(held) + 1_000:
            ours = {LIVE.live(one.hopper) for one in held}
            self._heard_at = {subject: at for subject, at in self._heard_at.items() if subject in ours}

    # -- telling ---------------------------------------------------------------------------------------------------

    async def _tell(self, found: Sequence[Told], write: Callable[[Connection, Outage], Awaitable[bool]]) -> None:
        known = await self._outages.open() if found else {}
        is_end = write is outages.end
        fresh = [one for one in found if (one.outage.subject in known) is is_end]
        for start in range(0, len(fresh), _AT_ONCE):
            news = []
            async with self._database.transaction() as connection:
                for one in fresh[start : start + _AT_ONCE]:
                    if not await write(connection, one.outage) or one.notice is None:
                        continue
                    if await notices.add_within(connection, one.notice):  # not when another sees it otherwise
                        news.append(one.notice)
            await self._publish(news)

    async def _publish(self, told: Iterable[Notice]) -> None:
        users: set[UserId] = set()
        for notice in told:
            is_bad = notice.kind in _BAD
            reason = notice.facts.get("reason", "")
            (_log.error if is_bad else _log.info)(notice.kind, key=notice.key, reason=reason)
            self._meters.count("observer_told", "What the observer told", kind=notice.kind)
            if notice.user is not None:
                users.add(notice.user)
        for user in users:
            try:
                await self._bus.publish(subjects.notice(user), b"")
            except Unavailable:
                return  # it is in the table, and read again within half a minute


def _of(told: dict[str, Outage], prefix: str) -> list[Outage]:
    return [outage for subject, outage in sorted(told.items()) if subject.startswith(prefix)]


def _failure(outage: Outage, kind: str, now: datetime, facts: dict[str, str], hopper: HopperId | None = None) -> Told:
    """Silence and its end are failures both: who heard of the one must hear of the other."""
    key = f"{kind}/{outage.subject}/{outage.began_at.isoformat()}"
    return Told(outage, Notice(outage.user, NoticeClass.FAILURE, kind, key, now, facts, hopper))


def _info(outage: Outage, kind: str, now: datetime, facts: dict[str, str]) -> Told:
    key = f"{kind}/{outage.subject}/{outage.began_at.isoformat()}"
    return Told(outage, Notice(outage.user, NoticeClass.INFO, kind, key, now, facts))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
