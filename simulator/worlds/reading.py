"""Dataclasses from JSON, strictly: what is unknown or of the wrong kind is an error that names its place."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")


def mapping(given: object, where: str) -> Mapping[str, object]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"{where}: not an object")
    return given


def rows(given: object, where: str) -> list[tuple[Mapping[str, object], str]]:
    """The objects of a list, each with its place."""
    if not isinstance(given, list | tuple):
        raise ValueError(f"{where}: not a list")
    return [(mapping(each, f"{where}[{number}]"), f"{where}[{number}]") for number, each in enumerate(given)]


def only(given: Mapping[str, object], where: str, names: Iterable[str]) -> None:
    """Raises ValueError that names the first key that is none of ``names``."""
    known = set(names)
    for name in given:
        if name not in known:
            raise ValueError(f"{where}.{name}: not known here; there are {', '.join(sorted(known))}")


def values(kind: type[Any], given: Mapping[str, object], where: str) -> dict[str, Any]:
    """Values for the fields of a dataclass, as far as they are given."""
    types = {field.name: field.type for field in fields(kind)}
    only(given, where, types)
    return {name: _value(types[name], each, f"{where}.{name}") for name, each in given.items()}


def made(kind: type[T], given: Mapping[str, object], where: str) -> T:
    """A dataclass from an object. Raises ValueError also for what is missing and what the class itself refuses."""
    found = values(kind, given, where)
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass, as its callers know
        if field.name not in found and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where}.{field.name}: missing")
    try:
        return kind(**found)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _value(kind: Any, given: object, where: str) -> object:
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), given, where)
    if get_origin(kind) is Literal:
        if given not in get_args(kind):
            raise ValueError(f"{where}: one of {', '.join(map(str, get_args(kind)))}")
        return given
    if kind is Decimal:
        return decimal(given, where)
    is_whole = isinstance(given, int) and not isinstance(given, bool)
    if kind is float and (is_whole or isinstance(given, float)):
        return float(given)  # type: ignore[arg-type]  # just seen
    if (kind is int and not is_whole) or not isinstance(given, kind):
        raise ValueError(f"{where}: not of the type {kind.__name__}")
    return given


def decimal(given: object, where: str) -> Decimal:
    """A number, given as such or as text."""
    try:
        if isinstance(given, str | int | float) and not isinstance(given, bool):
            found = Decimal(str(given))
            if found.is_finite() and abs(found.adjusted()) < 20:
                return found
    except InvalidOperation:
        pass
    raise ValueError(f"{where}: not a number")


def _tuple(kinds: tuple[Any, ...], given: object, where: str) -> tuple[object, ...]:
    """Of any length or of a fixed one; pairs of a tuple may be given as an object."""
    is_long = len(kinds) == 2 and kinds[1] is Ellipsis
    if is_long and get_origin(kinds[0]) is tuple and isinstance(given, Mapping):
        given = list(given.items())
    if not isinstance(given, list | tuple) or not (is_long or len(given) == len(kinds)):
        raise ValueError(f"{where}: not a list{'' if is_long else f' of {len(kinds)}'}")
    return tuple(
        _value(kinds[0] if is_long else kinds[number], each, f"{where}[{number}]") for number, each in enumerate(given)
    )
