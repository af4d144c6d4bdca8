"""Exact numbers and moments as text."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from cryptwire.errors import Invalid

Json = NewType("Json", object)
"""A JSON value as it is."""


def _decimal_text(number: Decimal | str) -> str:
    """Text is a number as PostgreSQL tells it, which has no exponent either."""
    return number if isinstance(number, str) else format(number, "f")


def _decimal_texts(numbers: Sequence[Any]) -> list[str] | None:
    types = set(map(type, numbers))
    if types == {str}:
        return list(numbers)
    if types != {Decimal}:
        return None
    texts = list(map(str, numbers))  # the same in a third of the time, but for exponents
    return list(map("{:f}".format, numbers)) if "E" in "".join(texts) else texts


def _decimal_from(text: Any) -> Decimal:
    try:
        number = Decimal(text) if isinstance(text, str) and len(text) <= 100 else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > 60:
        raise Invalid('a Decimal is text, such as "0.5"')
    return number


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment_texts(moments: Sequence[Any]) -> list[str] | None:
    if set(map(type, moments)) != {datetime} or {moment.tzinfo for moment in moments} != {UTC}:
        return None
    texts: list[str] = orjson.loads(orjson.dumps(moments, option=orjson.OPT_UTC_Z))
    return texts


def _moment_from(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid('a DateTime is text in ISO 8601 with an offset, such as "2026-01-31T12:00:00Z"') from None


def _date_from(text: Any) -> date:
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError):
        raise Invalid('a Date is text, such as "2026-01-31"') from None


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number as text, e.g. "0.00012300".',
        serialize=_decimal_text,
        parse_value=_decimal_from,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Moment in UTC, ISO 8601.",
        serialize=_moment_text,
        parse_value=_moment_from,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="A JSON value; within the text of an operation its objects are written as GraphQL's.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    date: strawberry.scalar(
        name="Date",
        description="Day of the user's calendar, ISO 8601.",
        serialize=date.isoformat,
        parse_value=_date_from,
    ),
}

COLUMNS: Mapping[Callable[[Any], Any], Callable[[Sequence[Any]], list[str] | None]] = {
    _decimal_text: _decimal_texts,
    _moment_text: _moment_texts,
}
"""By how one value of a scalar is told, how many are, at once; None when they are not all plain ones of one type."""
