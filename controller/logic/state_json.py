"""A state as JSON, as the database keeps it: floats and instants come back as the very same."""

from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from controller.logic.state import Money, PairSeen, Phase, Polled, Readings, RuleState, Seen, State
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Corrupt

Json = dict[str, Any]
_T = TypeVar("_T")


def state_to_json(state: State) -> Json:
    """Every field by its name; instants in ISO 8601, pairs as ``[exchange, base, quote, what was seen]``.

    Written out, since hundreds of states a second are kept: a walk over their fields costs six times as much.
    """
    seen, money, polled = state.seen, state.money, state.polled
    return {
        "version": state.version,
        "epoch": state.epoch,
        "phase": state.phase.value,
        "rules": [
            {
                "is_armed": rule.is_armed,
                "was_across": rule.was_across,
                "ticks": rule.ticks,
                "since": _iso(rule.since),
                "true_at": _iso(rule.true_at),
            }
            for rule in state.rules
        ],
        "told_at": _iso(state.told_at),
        "must_look": state.must_look,
        "is_silent": state.is_silent,
        "base": state.base,
        "start": state.start,
        "peak": state.peak,
        "until": _iso(state.until),
        "fired_index": state.fired_index,
        "seen": seen and {"session": seen.session, "sequence": seen.sequence, "at": _iso(seen.at)},
        "ticked_at": _iso(state.ticked_at),
        "looked_at": _iso(state.looked_at),
        "readings": _readings_out(state.readings),
        "money": money
        and {
            "index": money.index,
            "balance": money.balance,
            "flows_version": money.flows_version,
            "jump": money.jump,
        },
        "polled": polled
        and {
            "assets_at": _iso(polled.assets_at),
            "balance": polled.balance,
            "settling": polled.settling,
            "is_presumed": polled.is_presumed,
        },
        "pairs": [
            [
                *pair,
                {"at": _iso(each.at), "price_at": _iso(each.price_at), "readings": _readings_out(each.readings)},
            ]
            for pair, each in sorted(state.pairs.items(), key=itemgetter(0))
        ],
    }


def state_from_json(value: object) -> State:
    """The state that ``state_to_json`` wrote. Raises Corrupt for anything else, a field more or less, too."""
    try:
        return State(
            **_read(
                value,
                State,
                version=_whole,
                epoch=_whole,
                phase=Phase,
                rules=lambda each: tuple(_rule(rule) for rule in _list(each)),
                told_at=_instant,
                must_look=_flag,
                is_silent=_flag,
                base=_or_none(lambda each: Asset(_text(each))),
                start=_or_none(_number),
                peak=_or_none(_number),
                until=_or_none(_instant),
                fired_index=_or_none(_number),
                seen=_or_none(lambda each: Seen(**_read(each, Seen, session=_text, sequence=_whole, at=_instant))),
                ticked_at=_or_none(_instant),
                looked_at=_or_none(_instant),
                readings=_readings,
                money=_or_none(_money),
                polled=_or_none(_polled),
                pairs=lambda each: dict(_pair(pair) for pair in _list(each)),
            )
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise Corrupt(f"the state of a rule set cannot be read: {error}") from None


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _readings_out(readings: Readings) -> Json:
    return {"counted": list(readings.counted), "doubted": readings.doubted}


def _read(value: object, kind: type[Any], **readers: Callable[[Any], Any]) -> Json:
    if not isinstance(value, dict) or value.keys() != readers.keys():
        raise ValueError(f"{kind.__name__} has other fields")
    return {name: read(value[name]) for name, read in readers.items()}


def _rule(value: object) -> RuleState:
    return RuleState(
        **_read(
            value,
            RuleState,
            is_armed=_flag,
            was_across=_flag,
            ticks=_whole,
            since=_or_none(_instant),
            true_at=_or_none(_instant),
        )
    )


def _readings(value: object) -> Readings:
    read = _read(value, Readings, counted=lambda each: tuple(map(_number, _list(each))), doubted=_or_none(_number))
    return Readings(**read)


def _money(value: object) -> Money:
    return Money(**_read(value, Money, index=_number, balance=_number, flows_version=_whole, jump=_number))


def _polled(value: object) -> Polled:
    read = _read(value, Polled, assets_at=_instant, balance=_number, settling=_or_none(_whole), is_presumed=_flag)
    return Polled(**read)


def _pair(value: object) -> tuple[Pair, PairSeen]:
    exchange, base, quote, seen = _list(value)
    read = _read(seen, PairSeen, at=_instant, price_at=_or_none(_instant), readings=_readings)
    return Pair(Exchange(_text(exchange)), Asset(_text(base)), Asset(_text(quote))), PairSeen(**read)


def _or_none(read: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else read(value)


def _flag(value: object) -> bool:
    return _is(value, bool)


def _text(value: object) -> str:
    return _is(value, str)


def _list(value: object) -> list[Any]:
    return _is(value, list)


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError("true is no number")
    return _is(value, int)


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int) and not isinstance(value, bool) else _is(value, float)
    if not 0 < number < float("inf"):
        raise ValueError(f"{number!r} is no index, balance, price or factor")
    return number


def _instant(value: object) -> datetime:
    instant = datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError("an instant has no zone")
    return instant


def _is(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise ValueError(f"a {kind.__name__} is wanted")
    return value
