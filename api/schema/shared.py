"""What strangers see by a link: fields of ``Analytics`` that were chosen, and nothing that tells whose they are."""

import copy
import inspect
from collections.abc import Mapping
from datetime import datetime
from functools import cache, wraps
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from api.handlers.shares import Followed
from api.schema.analytics import Analytics
from api.schema.analytics.parts import is_traded_at, leaf_of
from api.schema.rules import opening, said_by
from cryptwire.domain.bar import Resolution
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.share import SharePart
from cryptwire.errors import Invalid
from cryptwire.permissions import Needs

PARTS: Mapping[SharePart, tuple[str, ...]] = {
    SharePart.PERFORMANCE: ("days", "returns", "calendar"),
    SharePart.RISK: ("risk", "drawdowns"),
    SharePart.BENCHMARKS: ("benchmark", "holding"),
    SharePart.COINS: ("coin_profit", "coin_results"),
    SharePart.TRADES: ("trade_figures", "holding_times", "best_trades", "worst_trades", "fees", "activity"),
}
"""The fields of ``Analytics`` that belong to each part."""
NEVER: Mapping[str, str] = {
    "understood": "it names hoppers; what a link shows, ``Shared`` says",
    "open_positions": "what is held this moment, and where it will be sold, is nobody else's business",
    "rebalancing": "what its owner wants to hold is nobody else's business",
    "market_spread": "what is held this moment is nobody else's business",
    "candles": "each quarter of an hour is more than days, which a link shows",
    "comparison": "a link shows its hoppers together",
    "attribution": "by which strategies money is made is nobody else's business",
    "data_health": "it is about accounts and our own services",
}
"""Fields of ``Analytics`` that no link shows, and why."""
FIGURES = frozenset(Needs("view", resource) for resource in ("statistics", "trades", "flows", "candles", "market"))
"""What everybody may see of his own figures, and a link may show of them."""
T = TypeVar("T", bound=type)
LEFT_OUT = frozenset({"end_cursor", "trade_id", "buy_strategy", "held_for"})
"""Fields below that are null for strangers: a cursor holds the id of a row's hopper, a trade's id is known elsewhere,
a strategy's name is its user's, and seconds between two trades find them on the public tape of an exchange."""


def veil(answer: Any, numbers: Mapping[HopperId, str], zone: ZoneInfo) -> Any:
    """The same with numbers for the ids of hoppers, without what is ``LEFT_OUT``, and with the beginnings of days, by
    the clock of ``zone``, for moments of trades.
    """
    if isinstance(answer, list | tuple):
        return [veil(one, numbers, zone) for one in answer]
    if isinstance(answer, str):
        return numbers.get(HopperId(answer), answer)
    if isinstance(answer, datetime):
        return day_at(zone, answer).begins_at
    definition = get_object_definition(type(answer))
    if definition is None:
        return answer
    shown = copy.copy(answer)
    for name in _looked_at(definition):
        setattr(shown, name, None if name in LEFT_OUT else veil(getattr(shown, name), numbers, zone))
    return shown


@cache
def _looked_at(definition: StrawberryObjectDefinition) -> tuple[str, ...]:
    """The fields of a type that hold ids, moments of trades, or what may, and those that are left out."""
    return tuple(
        one.python_name
        for one in definition.fields
        if one.base_resolver is None
        and (
            one.python_name in LEFT_OUT
            or is_traded_at(one)
            or leaf_of(one) is strawberry.ID
            or get_object_definition(leaf_of(one)) is not None
        )
    )


def _shown(part: SharePart, one: StrawberryField) -> Any:
    """A field of ``Analytics`` as a link shows it: null when its part was not chosen, or its owner may not see it."""
    assert one.base_resolver is not None
    assert one.description is not None
    resolver: Any = one.base_resolver.wrapped_func
    needs = said_by(one)
    assert needs is not None
    signature = inspect.signature(resolver)

    @wraps(resolver)
    async def shown(self: Any, *arguments: Any, **named: Any) -> Any:
        if part not in self.followed.link.share.parts or not self.followed.may(needs):
            return None
        if Resolution.of(named.get("resolution", Resolution.DAY.value)).is_intraday:
            raise Invalid("what a link shows is by days at the finest: ask for 1D, 1W or 1M")
        answer = await resolver(self.analytics, *arguments, **named)
        return veil(answer, self.followed.numbers, zone_of(self.followed.scope.zone))

    returned = signature.return_annotation | None
    shown.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    shown.__annotations__ = {**resolver.__annotations__, "return": returned}
    description = f"{one.description.rstrip('.')}; null unless {part.name} was chosen."
    return opening("view", "shared", FIGURES, description, name=one.graphql_name)(shown)


def _with_parts(kind: T) -> T:
    """The class with a field for each of ``PARTS``."""
    known = {one.python_name: one for one in get_object_definition(Analytics, strict=True).fields}
    for part, names in PARTS.items():
        for name in names:
            setattr(kind, name, _shown(part, known[name]))
    return kind


@strawberry.type(description="Figures that were chosen to be shown, as in Analytics.")
@_with_parts
class SharedAnalytics:
    analytics: strawberry.Private[Analytics]
    followed: strawberry.Private[Followed]
