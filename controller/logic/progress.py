"""How far an intent came: written down before each request and after each answer (R11), as JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any

from controller.logic.requests import Call, Noted, Request
from cryptwire.errors import Corrupt

_NONE: Mapping[str, Noted] = MappingProxyType({})


class Phase(Enum):
    """What is next for a part: to read and plan, to hear what became of a request, to see its effect, to wait."""

    PREPARE = "prepare"
    ASKING = "asking"
    VERIFY = "verify"
    SLEEPING = "sleeping"
    OVER = "over"


class Result(Enum):
    """How one action of the rule set ended."""

    DONE = "done"
    NOTHING = "nothing"
    """There was nothing to do."""
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Ended:
    """An action's end, and why."""

    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of which action (``deed``) and part of it something is next, and what.

    ``number``: the last request's, of the intent; ``attempts``: requests of this part. ``request`` was written down at
    ``asked_at``; ``is_unknown``: what became of it is; ``patience``: so many seconds its effect may take; ``deadline``:
    until then. ``pause_until``: nothing is done before. ``stalled_since``: since then nothing could be read or sent.
    ``has_effect``: something of this action was seen to be done. ``alarms``: what was told once.
    """

    deed: int = 0
    part: int = 0
    phase: Phase = Phase.PREPARE
    number: int = 0
    attempts: int = 0
    request: Request | None = None
    asked_at: datetime | None = None
    is_unknown: bool = False
    patience: float = 0.0
    deadline: datetime | None = None
    pause_until: datetime | None = None
    stalled_since: datetime | None = None
    stalls: int = 0
    has_effect: bool = False
    noted: Mapping[str, Noted] = field(default_factory=lambda: _NONE)
    results: tuple[Ended, ...] = ()
    alarms: tuple[str, ...] = ()

    def prepared(self, *, pause_until: datetime | None = None) -> "Progress":
        """The same part anew: it is read and planned before anything is sent."""
        return replace(
            self,
            phase=Phase.PREPARE,
            request=None,
            is_unknown=False,
            pause_until=pause_until,
        )

    def at(self, deed: int, part: int) -> "Progress":
        """At the beginning of another part."""
        return replace(
            self,
            deed=deed,
            part=part,
            phase=Phase.PREPARE,
            attempts=0,
            request=None,
            asked_at=None,
            is_unknown=False,
            deadline=None,
            pause_until=None,
            stalled_since=None,
            stalls=0,
            has_effect=self.has_effect and deed == self.deed,
        )


def to_json(progress: Progress) -> dict[str, Any]:
    """As JSON: every field, moments as ISO text."""
    request = progress.request
    return {
        "deed": progress.deed,
        "part": progress.part,
        "phase": progress.phase.value,
        "number": progress.number,
        "attempts": progress.attempts,
        "request": None if request is None else request_to_json(request),
        "asked_at": _text(progress.asked_at),
        "is_unknown": progress.is_unknown,
        "patience": progress.patience,
        "deadline": _text(progress.deadline),
        "pause_until": _text(progress.pause_until),
        "stalled_since": _text(progress.stalled_since),
        "stalls": progress.stalls,
        "has_effect": progress.has_effect,
        "noted": [[name, note.before, note.left] for name, note in progress.noted.items()],
        "results": [[ended.result.value, ended.reason] for ended in progress.results],
        "alarms": list(progress.alarms),
    }


def from_json(value: Mapping[str, Any]) -> Progress:
    """The progress; raises Corrupt for anything that ``to_json`` does not write."""
    try:
        progress = Progress(
            _whole(value["deed"]),
            _whole(value["part"]),
            Phase(value["phase"]),
            _whole(value["number"]),
            _whole(value["attempts"]),
            None if value["request"] is None else _request(value["request"]),
            _moment(value["asked_at"]),
            _flag(value["is_unknown"]),
            float(value["patience"]),
            _moment(value["deadline"]),
            _moment(value["pause_until"]),
            _moment(value["stalled_since"]),
            _whole(value["stalls"]),
            _flag(value["has_effect"]),
            {str(name): Noted(str(before), str(left)) for name, before, left in value["noted"]},
            tuple(Ended(Result(result), str(reason)) for result, reason in value["results"]),
            tuple(map(str, value["alarms"])),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"an intent's progress cannot be read ({type(error).__name__}: {error})") from None
    if to_json(progress) != dict(value):
        raise Corrupt("an intent's progress holds what nobody wrote")
    return progress


def request_to_json(request: Request) -> dict[str, Any]:
    """As JSON: for the audit, too."""
    return {
        "call": request.call.value,
        "ids": list(request.ids),
        "coins": list(request.coins),
        "orders_before": list(request.orders_before),
        "is_on": request.is_on,
        "is_market": request.is_market,
        "changes": dict(request.changes),
    }


def _request(value: Mapping[str, Any]) -> Request:
    return Request(
        Call(value["call"]),
        tuple(map(str, value["ids"])),
        tuple(map(str, value["coins"])),
        tuple(map(str, value["orders_before"])),
        _flag(value["is_on"]),
        _flag(value["is_market"]),
        {str(name): str(change) for name, change in value["changes"].items()},
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _whole(number: object) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no count")
    return number


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither true nor false")
    return value
