"""What the controller is asked of rule sets and answers, as JSON within ``codec/control.py``'s messages.

By verb of ``control.<hopper_id>.controller.<verb>``; the rule set, where there is one, is named in the request:

- ``preview``: ``{"body": a rule set as JSON}`` → ``Preview``. Of a rule set that is named, it goes on from its state.
- ``state``: nothing → ``Standing``.
- ``replay``: ``{"since": moment, "until": moment}`` → ``Replay``; the controller notes that the version was replayed.
- ``resume``: nothing → ``{}``: it watches anew, after it was stopped for a person to look (R17).
- ``retry``, ``abandon``: ``{"intent": id}`` → ``{}``: what a person chose (R13).

Moments are ISO 8601 with an offset.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cryptwire.errors import Invalid

Json = Mapping[str, Any]
VERDICTS = ("true", "false", "no-data")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preview:
    """A rule set in plain words and the numbers of this moment, a line each (R21); whether it would fire now (R28).

    ``verdict``: ``true``, ``false``, ``no-data``, of all rules together without their confirmations; ``reason``: what
    it waits for or lacks.
    """

    words: tuple[str, ...]
    verdict: str
    fires_now: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuleTruth:
    """How a rule set stands by the controller's own state. ``phase`` is a word of the controller's for people.

    ``start``, ``peak`` and ``index`` are of the epoch, on the flow-adjusted index. ``evaluated_at``: when it was looked
    at last, ``snapshot_at``: of the newest snapshot that counted; None: not yet.
    """

    version: int
    mode: str
    mode_number: int
    epoch: int
    phase: str
    verdict: str
    reason: str
    start: float | None
    peak: float | None
    index: float | None
    evaluated_at: datetime | None
    snapshot_at: datetime | None


@dataclass(frozen=True, slots=True)
class UpstreamTruth:
    """How the hopper stands upstream, read at ``read_at``."""

    is_enabled: bool
    is_buying: bool
    is_selling: bool
    positions: int
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Both truths side by side (R20). ``upstream`` None: it could not be read. ``mismatches``: where they differ."""

    rules: RuleTruth
    upstream: UpstreamTruth | None
    mismatches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """An instant at which a replayed rule set would have fired; ``words``: why, and what it would have done."""

    at: datetime
    value: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a version would have done over the hopper's candles in ``[since, until)``.

    ``saved``: the balance at the end had it sold and stayed out, less what it was; in base currency, below 0 when it
    would have cost. None: it would not have fired, or did not sell. Of candles it is an approximation.
    """

    since: datetime
    until: datetime
    candles: int
    is_approximation: bool
    fires: tuple[Fired, ...]
    saved: float | None
    words: tuple[str, ...]


def preview_to_json(one: Preview) -> dict[str, Any]:
    return {"words": list(one.words), "verdict": one.verdict, "fires_now": one.fires_now, "reason": one.reason}


def preview_from_json(value: Json) -> Preview:
    """Raises Invalid."""
    return Preview(_texts(value, "words"), _verdict(value), _of(value, "fires_now", bool), _text(value))


def standing_to_json(one: Standing) -> dict[str, Any]:
    rules, upstream = one.rules, one.upstream
    return {
        "rules": {
            "version": rules.version,
            "mode": rules.mode,
            "mode_number": rules.mode_number,
            "epoch": rules.epoch,
            "phase": rules.phase,
            "verdict": rules.verdict,
            "reason": rules.reason,
            "start": rules.start,
            "peak": rules.peak,
            "index": rules.index,
            "evaluated_at": _written(rules.evaluated_at),
            "snapshot_at": _written(rules.snapshot_at),
        },
        "upstream": None
        if upstream is None
        else {
            "is_enabled": upstream.is_enabled,
            "is_buying": upstream.is_buying,
            "is_selling": upstream.is_selling,
            "positions": upstream.positions,
            "read_at": _written(upstream.read_at),
        },
        "mismatches": list(one.mismatches),
    }


def standing_from_json(value: Json) -> Standing:
    """Raises Invalid."""
    rules, upstream = _of(value, "rules", dict), value.get("upstream")
    truth = RuleTruth(
        _of(rules, "version", int),
        _of(rules, "mode", str),
        _of(rules, "mode_number", int),
        _of(rules, "epoch", int),
        _of(rules, "phase", str),
        _verdict(rules),
        _text(rules),
        _number(rules, "start"),
        _number(rules, "peak"),
        _number(rules, "index"),
        _moment(rules, "evaluated_at"),
        _moment(rules, "snapshot_at"),
    )
    return Standing(truth, None if upstream is None else _upstream(upstream), _texts(value, "mismatches"))


def replay_to_json(one: Replay) -> dict[str, Any]:
    return {
        "since": _written(one.since),
        "until": _written(one.until),
        "candles": one.candles,
        "is_approximation": one.is_approximation,
        "fires": [{"at": _written(each.at), "value": each.value, "words": list(each.words)} for each in one.fires],
        "saved": one.saved,
        "words": list(one.words),
    }


def replay_from_json(value: Json) -> Replay:
    """Raises Invalid."""
    return Replay(
        _sure(_moment(value, "since"), "since"),
        _sure(_moment(value, "until"), "until"),
        _of(value, "candles", int),
        _of(value, "is_approximation", bool),
        tuple(map(_fired, _of(value, "fires", list))),
        _number(value, "saved"),
        _texts(value, "words"),
    )


def _upstream(value: object) -> UpstreamTruth:
    if not isinstance(value, Mapping):
        raise Invalid("upstream is no object")
    return UpstreamTruth(
        _of(value, "is_enabled", bool),
        _of(value, "is_buying", bool),
        _of(value, "is_selling", bool),
        _of(value, "positions", int),
        _sure(_moment(value, "read_at"), "read_at"),
    )


def _fired(value: object) -> Fired:
    if not isinstance(value, Mapping):
        raise Invalid("what fired is no object")
    number = _sure(_number(value, "value"), "value")
    return Fired(_sure(_moment(value, "at"), "at"), number, _texts(value, "words"))


def _of(value: Json, name: str, kind: Any) -> Any:
    found = value.get(name)
    if not isinstance(found, kind) or (kind is not bool and isinstance(found, bool)):
        raise Invalid(f"{name} is no {getattr(kind, '__name__', kind)}")
    return found


def _text(value: Json) -> str:
    found: str = _of(value, "reason", str)
    return found


def _verdict(value: Json) -> str:
    found: str = _of(value, "verdict", str)
    if found not in VERDICTS:
        raise Invalid(f"{found[:40]!r} is no verdict")
    return found


def _texts(value: Json, name: str) -> tuple[str, ...]:
    found: list[object] = _of(value, name, list)
    return tuple(map(str, found))


def _number(value: Json, name: str) -> float | None:
    return None if value.get(name) is None else float(_of(value, name, int | float))


def _moment(value: Json, name: str) -> datetime | None:
    if value.get(name) is None:
        return None
    try:
        found = datetime.fromisoformat(_of(value, name, str))
    except ValueError:
        raise Invalid(f"{name} is no moment") from None
    if found.tzinfo is None:
        raise Invalid(f"{name} has no offset")
    return found.astimezone(UTC)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _sure(found: T | None, name: str) -> T:
    if found is None:
        raise Invalid(f"{name} is missing")
    return found
