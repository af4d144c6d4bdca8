"""What the API asks itself before it says that it is ready.

The first question to a process would find documents that are not validated, statements that no connection has prepared,
permissions that are not decided and code that has never run: 100 ms of a large dashboard. So documents that other
processes were asked are parsed and validated, and all figures that there are are asked for a hopper that has never
traded, once for each connection; nobody sees the answer.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from starlette.requests import HTTPConnection

from api.handlers.persisted import Persisted
from api.schema import SCHEMA
from api.schema.context import Context, Services
from api.schema.cost import Limits, prepare
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.log import Log
from cryptwire.storage.owners import Owner
from cryptwire.storage.sessions import Caller

_log = Log(__name__)
_ALL = 1_000_000
_LIMITS = Limits(tokens=_ALL, depth=100, aliases=_ALL, directives=_ALL, fields=_ALL, cost=2**53)
_LIKELY, _LONGEST_READING = 50, timedelta(seconds=1)
"""So many documents are parsed and validated, each some 20 ms, for about so long."""
_LONGEST = timedelta(seconds=4)
_NOBODY = UserId("00000000-0000-0000-0000-000000000000")


async def warm_up(services: Services, persisted: Persisted, times: int) -> None:
    """Read what was asked lately, and ask for all figures ``times`` at once; what cannot be answered now is left to
    those who ask. Takes some five seconds at most.
    """
    figures = replace(services.analytics, owners=_Nobody(services))
    asked = replace(services, analytics=figures, limits=_LIMITS, spending=_Free())
    until = services.clock.now() + timedelta(days=1)
    callers = cycle(Caller(_NOBODY, b"", until, "pro", scopes) for scopes in (None, frozenset({"scope:read"})))
    text = f'query {{ analytics(currency: "EUR") {everything(SCHEMA._schema, "Analytics")} }}'

    async def ask(caller: Caller) -> int:
        context = Context(asked, HTTPConnection({"type": "http", "headers": []})).asked_by(caller)
        answer = await SCHEMA.execute(text, {}, context)
        return len(answer.errors or ())

    began = services.clock.now()
    for likely in await persisted.likely(_LIKELY):
        if services.clock.now() - began < _LONGEST_READING:
            prepare(SCHEMA._schema, likely, services.limits)
    try:
        async with asyncio.timeout(_LONGEST.total_seconds()):
            errors = await asyncio.gather(*map(ask, islice(callers, times)))
    except TimeoutError:
        outcome = "late"
    else:
        outcome = "with errors" if any(errors) else "answered"
    services.meters.count("api_warm_ups", "Times it asked itself before it was ready", outcome=outcome)
    _log.info("has asked itself for figures", outcome=outcome, took=services.clock.now() - began)


def everything(schema: GraphQLSchema, name: str) -> str:
    """A selection of all that can be asked of an object of this type without saying more."""
    kind = schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return _selection(kind, (kind,))


def _selection(kind: GraphQLObjectType, within: tuple[GraphQLObjectType, ...]) -> str:
    fields = [told for name, field in kind.fields.items() if (told := _field(name, field, within)) is not None]
    return f"{{ {' '.join(fields)} }}" if fields else "{ __typename }"


def _field(name: str, field: GraphQLField, within: tuple[GraphQLObjectType, ...]) -> str | None:
    if any(map(is_required_argument, field.args.values())):
        return None
    inner = get_named_type(field.type)
    if is_leaf_type(inner):
        return name
    if not isinstance(inner, GraphQLObjectType) or inner in within:
        return None
    return f"{name} {_selection(inner, (*within, inner))}"


class _Nobody:
    """Somebody who has one hopper, which nobody has."""

    def __init__(self, services: Services) -> None:
        self._now = services.clock.now()

    async def of(self, user: UserId) -> Owner:
        hopper = Hopper(HopperId(""), user, "", Exchange(""), Asset("USDT"), False, timedelta(minutes=1))
        return Owner("UTC", "EUR", Preferences(), [KnownHopper(hopper, self._now, None, None)])


class _Free:
    def spend(self, key: str, points: int) -> int:
        return 0
