"""A hopper's days, for whoever it belongs to, and what he says of flows."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from api.handlers.changes import Changes
from api.ports import Hoppers
from cryptwire.clock import Clock
from cryptwire.domain.daily import Daily
from cryptwire.domain.flow import DecidedBy, Flow, FlowId, FlowKind, FlowState
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.errors import Invalid, NotFound, Unavailable

MOST_DAYS = 3_700
_YEARS = range(1971, 2200)
_TRIES = 3
_MOST_VERSION = 2**31 - 1


class Days(Protocol):
    """See cryptwire/storage/daily_statistics.py; raises Unavailable."""

    async def read(
        self, hopper: HopperId, zone: str, since: date, until: date, version: int | None = None
    ) -> list[Daily]: ...

    async def until(self, hopper: HopperId, zone: str) -> datetime | None: ...


class Flows(Protocol):
    """See cryptwire/storage/flows.py; raises Unavailable."""

    async def by_id(self, flow: FlowId) -> Flow: ...

    async def decide(self, decided: Sequence[Flow]) -> list[Flow]: ...

    async def history_version(self, hopper: HopperId) -> int: ...


@dataclass(frozen=True, slots=True)
class ReadDays:
    """Days of a hopper in its user's zone, as of a version of its history; they are computed ``until``."""

    hopper: Hopper
    zone: str
    version: int
    newest_version: int
    until: datetime | None
    days: list[Daily]


class History:
    """Every method raises NotFound for a hopper or flow that is not the user's, as for one that is not there."""

    def __init__(self, days: Days, flows: Flows, hoppers: Hoppers, changes: Changes, clock: Clock) -> None:
        self._days = days
        self._flows = flows
        self._hoppers = hoppers
        self._changes = changes
        self._clock = clock

    async def days(
        self, user: UserId, zone: str, hopper: HopperId, since: date, until: date, version: int | None
    ) -> ReadDays:
        """Both dates are among them; raises Invalid for more than 3,700 or a version that there is not."""
        one = await self._hoppers.of(user, hopper)
        if since.year not in _YEARS or until.year not in _YEARS:
            raise Invalid(f"dates are from {_YEARS.start} to {_YEARS.stop - 1}")
        if until < since:
            raise Invalid("until is before since; give the first date as since")
        if (until - since).days >= MOST_DAYS:
            raise Invalid(f"{MOST_DAYS:,} days can be read at once, not {(until - since).days + 1:,}")
        newest = await self._flows.history_version(one.id)
        if version is not None and not 1 <= version <= min(newest, _MOST_VERSION):
            raise Invalid(f"this hopper's history has versions 1 to {newest}; leave version out for the newest")
        found = await self._days.read(one.id, zone, since, until + timedelta(days=1), version)
        done = await self._days.until(one.id, zone)
        return ReadDays(one, zone, version or newest, newest, done, found)

    async def decide(self, user: UserId, flow: str, kind: FlowKind, *, is_flow: bool) -> Flow:
        """What the user says of a flow is a new version of it, and stays; said again it changes nothing.

        Raises Invalid for what contradicts itself, Unavailable when somebody else decides at the same moment.
        """
        id_ = _flow_id(flow)
        for _ in range(_TRIES):
            before = await self._flows.by_id(id_)
            try:
                await self._hoppers.of(user, before.hopper)
            except NotFound:
                raise NotFound(f"there is no flow {id_}") from None
            after = _as_said(before, kind, is_flow, self._clock.now())
            if after is None:
                return before
            if await self._flows.decide([after]):
                await self._leave_other_side(before, after)
                await self._changes.tell("account", user)
                return after
        raise Unavailable("this flow is being decided by somebody else; read it again")

    async def _leave_other_side(self, before: Flow, after: Flow) -> None:
        """What is no transfer any more has no other side; that is what it was before, unless the user has said so."""
        if before.counterpart is None or after.counterpart is not None:
            return
        other = await self._flows.by_id(before.counterpart)
        if other.counterpart == before.id and other.decided_by is not DecidedBy.USER:
            kind = FlowKind.DEPOSIT if other.quantity > 0 else FlowKind.WITHDRAWAL
            await self._flows.decide(
                [replace(other, version=other.version + 1, kind=kind, counterpart=None, decided_at=after.decided_at)]
            )


def _as_said(before: Flow, kind: FlowKind, is_flow: bool, now: datetime) -> Flow | None:
    """The next version; None when that is what there is. Raises Invalid."""
    if kind is FlowKind.DIFFERENCE and is_flow:
        raise Invalid("a difference is too little to count; say deposit or withdrawal, or isFlow: false")
    if is_flow and not kind.is_external:
        raise Invalid(f"{kind.value} is no flow from outside: say isFlow: false, and it stays in performance")
    if kind is FlowKind.DEPOSIT and before.quantity < 0:
        raise Invalid("units left the hopper: that is no deposit")
    if kind is FlowKind.WITHDRAWAL and before.quantity > 0:
        raise Invalid("units came to the hopper: that is no withdrawal")
    state = FlowState.CONFIRMED if is_flow or not kind.is_external else FlowState.REJECTED
    if (before.kind, before.state, before.decided_by) == (kind, state, DecidedBy.USER):
        return None
    return replace(
        before,
        version=before.version + 1,
        kind=kind,
        state=state,
        decided_by=DecidedBy.USER,
        decided_at=now,
        counterpart=before.counterpart if kind is FlowKind.TRANSFER and is_flow else None,
    )


def _flow_id(text: str) -> FlowId:
    try:
        return FlowId(str(uuid.UUID(text))) if len(text) == len(str(uuid.UUID(int=0))) else _no_flow()
    except ValueError:
        return _no_flow()


def _no_flow() -> FlowId:
    raise NotFound("there is no such flow")
