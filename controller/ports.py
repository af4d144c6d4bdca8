"""What the controller wants from the world, in its own words. Each raises Unavailable when the world is away."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from controller.logic.requests import Look, Request, Seen
from cryptwire.codec.figure import Lease, Wanted
from cryptwire.codec.recall import Page, PastWanted
from cryptwire.codec.rule_answers import Replay
from cryptwire.domain.action import Act, Acted, Fence, IntentId, Outcome, RuleSetId
from cryptwire.domain.audit import Entry, Sealed
from cryptwire.domain.hopper import Assignment, Hopper, HopperId, UserId
from cryptwire.domain.intent import Intent, IntentState, Wish
from cryptwire.domain.notice import Notice
from cryptwire.domain.rule_set import RuleSet, RuleSetBody
from cryptwire.errors import Corrupt
from cryptwire.storage.intents import Standing
from cryptwire.storage.kill_switches import KillSwitch
from cryptwire.storage.rule_sets import Watched
from cryptwire.storage.rule_states import Committed, Decision, KeptState


class Duties(Protocol):
    """Which hoppers this pod holds."""

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        """None when the pod was not confirmed lately: it may not act, and has lost nothing."""
        ...


class RuleSets(Protocol):
    """What people want of the pod's hoppers."""

    async def mark(self, pod: str) -> str:
        """Changes whenever ``of_pod`` does."""
        ...

    async def of_pod(self, pod: str) -> tuple[list[Watched], list[Corrupt]]: ...

    async def one(self, rule_set: RuleSetId, hopper: HopperId) -> Watched:
        """One of the hopper's, also one that is off; raises NotFound, Corrupt."""
        ...

    async def zone_of(self, user: UserId) -> str:
        """The user's zone; raises NotFound."""
        ...

    async def audit_changes(self, pod: str, most: int) -> int: ...

    async def note(self, one: RuleSet, kind: str, by: str, text: str = "") -> None: ...

    async def chosen(self, wish: Wish, kind: str, by: str) -> None: ...

    async def replayed(self, one: RuleSet, at: datetime, by: str) -> None: ...


class States(Protocol):
    """How rule sets stand."""

    async def of(self, rule_sets: Sequence[RuleSetId]) -> dict[RuleSetId, KeptState]: ...

    async def commit(self, decisions: Sequence[Decision], progress: Mapping[str, Any]) -> Committed: ...


class Intents(Protocol):
    """Wishes to act."""

    async def open_of(self, hoppers: Sequence[HopperId]) -> list[Intent]: ...

    async def one(self, intent: IntentId) -> Intent: ...

    async def last_of(
        self, rule_sets: Sequence[RuleSetId]
    ) -> dict[RuleSetId, tuple[int, int, IntentState, datetime]]: ...

    async def move(
        self,
        intent: Intent,
        progress: Mapping[str, Any],
        state: IntentState,
        right: Fence,
        entries: Sequence[Entry],
        told: Sequence[Notice],
    ) -> list[Sealed] | None: ...

    async def standing(self, intent: IntentId) -> Standing: ...

    async def before(self, intent: Intent) -> list[Wish]: ...


class Outcomes(Protocol):
    """What the gateway wrote down of requests."""

    async def outcome(self, intent: IntentId, number: int, lasts: timedelta) -> tuple[bool, Outcome | None]: ...


class Switches(Protocol):
    """Kill switches."""

    async def all(self) -> list[KillSwitch]: ...


NOW = timedelta(0)


class Upstream(Protocol):
    """A user's hopper, by way of the gateway; errors are those of ``GatewayClient``."""

    async def read(self, hopper: Hopper, looks: frozenset[Look], within: timedelta, max_age: timedelta = NOW) -> Seen:
        """The hopper and ``looks``, all of it asked for now, or ``max_age`` ago at most."""
        ...

    async def link_problem(self, user: UserId) -> str:
        """Why nothing can be sent for this user, empty when all is well; raises Unavailable."""
        ...

    async def send(self, hopper: Hopper, act: Act, request: Request, within: timedelta) -> Acted: ...


class Figures(Protocol):
    """Whoever computes figures."""

    async def want(self, wanted: Wanted) -> Lease:
        """Renew a lease of sixty seconds; raises Invalid, Unavailable."""
        ...


class Replays(Protocol):
    """Rule sets over the past."""

    async def replay(
        self, hopper: Hopper, body: RuleSetBody, zone: str, since: datetime, until: datetime
    ) -> Replay: ...


class History(Protocol):
    """Figures of the past, by the analyser that holds the hopper."""

    async def page(self, hopper: Hopper, wish: PastWanted) -> Page: ...


class Points(Protocol):
    """Told of each point at which a kill would find things half done; tests kill there."""

    def passed(self, point: str) -> None: ...


class NoPoints:
    """Nobody is interested."""

    def passed(self, point: str) -> None: ...
