"""Looks, now and then, whether upstream stands as armed rule sets believe (R20)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from controller.handlers.watching import Rule, Watcher
from controller.logic.mismatches import Looks, Mismatch, looked, mismatches
from controller.logic.requests import Look, Seen
from controller.logic.state import Phase
from controller.ports import Upstream
from cryptwire.clock import Clock
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import Assignment, HopperId
from cryptwire.domain.notice import NoticeClass
from cryptwire.domain.rule_set import Mode
from cryptwire.errors import CryptwireError
from cryptwire.metrics import Meters

_READ_WITHIN = timedelta(seconds=5)
_AT_ONCE = 10
_MOST = 100  # hoppers in one round
_LOOKS = frozenset({Look.POSITIONS})


class Looker:
    """Each hopper with an armed rule set is read each ``every``, or after half of it when something did not fit.

    A read may be two fifths of that old, so one that the tracker has just made serves, too. What was found is in
    memory: after a restart it is found anew, and told under the same key, which is once.
    """

    def __init__(
        self,
        watcher: Watcher,
        upstream: Upstream,
        clock: Clock,
        meters: Meters,
        *,
        held: Callable[[HopperId], Assignment | None],
        every: timedelta,
    ) -> None:
        self._watcher = watcher
        self._upstream = upstream
        self._clock = clock
        self._meters = meters
        self._held = held
        self._every = every
        self._due: dict[HopperId, datetime] = {}
        self._looks: dict[RuleSetId, Looks] = {}

    async def look(self) -> None:
        """At those that are due, the longest due first, a hundred at most."""
        rules: dict[HopperId, list[Rule]] = {}
        for rule in self._watcher.rules():
            if rule.rule_set.mode is Mode.ARMED:
                rules.setdefault(rule.rule_set.hopper, []).append(rule)
        now = self._clock.now()
        self._due = {hopper: self._due.get(hopper, now) for hopper in rules}
        kept = {rule.rule_set.id for each in rules.values() for rule in each}
        self._looks = {id_: looks for id_, looks in self._looks.items() if id_ in kept}
        due = sorted((hopper for hopper, at in self._due.items() if at <= now), key=self._due.__getitem__)[:_MOST]
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(hopper: HopperId) -> None:
            async with at_once:
                await self._at(hopper, rules[hopper])

        await asyncio.gather(*map(one, due))

    async def _at(self, hopper: HopperId, rules: list[Rule]) -> None:
        assignment, now = self._held(hopper), self._clock.now()
        if assignment is None:
            return
        self._due[hopper] = now + self._every
        try:
            seen = await self._upstream.read(assignment.hopper, _LOOKS, _READ_WITHIN, self._every * 0.4)
        except CryptwireError:
            self._meters.count("controller_unlooked", "Looks at upstream that could not be made.")
            return
        for rule in rules:
            if self._watcher.rule(rule.rule_set.id) is rule and rule.state.phase is Phase.WATCHING:
                self._judge(rule, seen)
        if any(self._looks.get(rule.rule_set.id, Looks()).is_unsure for rule in rules):
            self._due[hopper] = now + self._every / 2

    def _judge(self, rule: Rule, seen: Seen) -> None:
        heard, now = self._watcher.heard(rule.rule_set.hopper), self._clock.now()
        snapshot = None if heard is None else heard.snapshot
        if snapshot is not None and (snapshot.is_settling or now - snapshot.at > self._watcher.care.oldest):
            snapshot = None  # that is told elsewhere
        found = mismatches(rule.rule_set.body, seen, snapshot)
        before = self._looks.get(rule.rule_set.id, Looks())
        self._looks[rule.rule_set.id], alarms, over = looked(before, rule.state.epoch, found)
        for kind in sorted(alarms, key=_name):
            self._meters.count("controller_mismatches", "Rule sets that upstream did not fit.", kind=kind.value)
            self._tell(rule, "mismatch", kind, found[kind])
        for kind in sorted(over, key=_name):
            self._tell(rule, "match", kind, kind.value)

    def _tell(self, rule: Rule, what: str, kind: Mismatch, text: str) -> None:
        key, body = f"{rule.state.epoch}/{kind.value}", {"what": kind.value, "text": text}
        facts = {"reason": text} if what == "mismatch" else {"about": kind.value.replace("-", " ")}
        self._watcher.told(rule, what, body, NoticeClass.DATA_PROBLEM, key, facts)


def _name(kind: Mismatch) -> str:
    return kind.value
