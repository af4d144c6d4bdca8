"""What is asked for in an address, as in ``?hopper=1&hopper=2&since=2026-01-01&currency=EUR&masked=true``."""

import re
from collections.abc import Collection
from datetime import date
from typing import TypeVar

from starlette.datastructures import QueryParams

from api.handlers.analytics.scope import Asked, HopperKind
from cryptwire.errors import Invalid

HOPPER, KIND, SINCE, UNTIL, CURRENCY, MASKED = "hopper", "kind", "since", "until", "currency", "masked"
SCOPE = (HOPPER, KIND, SINCE, UNTIL, CURRENCY, MASKED)
"""The words of a choice; only the first may be said more than once."""
T = TypeVar("T")
_TRUTHS = {"true": True, "false": False}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST = 200  # words of an address


def only(query: QueryParams, names: Collection[str]) -> None:
    """Raises Invalid for a word that is not among ``names``, or is said twice."""
    if len(query.multi_items()) > _MOST:
        raise Invalid(f"an address has at most {_MOST} parameters")
    said: set[str] = set()
    for name, _ in query.multi_items():
        if name not in names:
            raise Invalid(f"there is no parameter {name[:40]!r}; there are {', '.join(sorted(names))}")
        if name in said and name != HOPPER:
            raise Invalid(f"{name} is said twice")
        said.add(name)


def asked_of(query: QueryParams) -> Asked:
    """The choice that an address names; raises Invalid."""
    return Asked(
        query.getlist(HOPPER) or None,
        one_of(query, KIND, {kind.value: kind for kind in HopperKind}),
        _date(query, SINCE),
        _date(query, UNTIL),
        query.get(CURRENCY),
        one_of(query, MASKED, _TRUTHS),
    )


def one_of(query: QueryParams, name: str, values: dict[str, T]) -> T | None:
    """What a word of an address stands for; None when it is not said. Raises Invalid."""
    said = query.get(name)
    if said is None:
        return None
    if said not in values:
        raise Invalid(f"{name} is {' or '.join(values)}, not {said[:20]!r}")
    return values[said]


def year_of(query: QueryParams, name: str) -> int:
    """A year of four digits; raises Invalid."""
    said = query.get(name, "")
    if len(said) != 4 or not (said.isascii() and said.isdigit()):
        raise Invalid(f"{name} is a year such as 2026")
    return int(said)


def _date(query: QueryParams, name: str) -> date | None:
    said = query.get(name)
    if said is None:
        return None
    try:
        if _DATE.fullmatch(said):
            return date.fromisoformat(said)
    except ValueError:
        pass
    raise Invalid(f"{name} is a date such as 2026-01-31")
