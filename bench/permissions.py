"""What it costs to decide: one remembered decision, one that is made anew, and the app's largest operation, walked."""

import time
from collections.abc import Callable
from pathlib import Path

import graphql
from graphql import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode

from api.schema import SCHEMA
from api.schema.permitted import wanted
from api.schema.rules import asked
from bench.report import Row, at_most, median, told
from cryptwire.permissions import Needs, Permissions, Roles

_APP = Path(__file__).parent.parent / "web" / "src"
_ROUNDS = 25
_MICRO = 1e6


async def measure() -> list[Row]:
    """Medians, in microseconds."""
    permissions, needs = Permissions(), Needs("view", "live-portfolio")
    roles, token = Roles.of("pro", None), Roles.of("pro", frozenset({"scope:read"}))
    permissions.can(roles, needs)
    rows = [
        at_most("permissions: a remembered decision", _each(lambda: permissions.can(roles, needs), 10_000), 5, "µs"),
        told("permissions: a decision made anew", _each(lambda: permissions._decide(roles, needs), 20), "µs"),
        told(
            "permissions: the same within a token's scopes", _each(lambda: permissions._decide(token, needs), 20), "µs"
        ),
    ]
    document, operation, fields = _largest()
    schema = SCHEMA._schema
    name = operation.name.value if operation.name else "without a name"
    needed = wanted(schema, document, operation, {})

    def decided() -> None:
        for one in wanted(schema, document, operation, {}):
            assert one.needs is not None
            permissions.can(roles, one.needs)

    walked = _each(lambda: list(asked(schema, document, operation, {})), 20)
    return [
        *rows,
        told(f"permissions: {name}, the app's largest operation ({fields} fields), walked anew", walked, "µs"),
        at_most(f"permissions: the same remembered ({len(needed)} decisions)", _each(decided, 500), 50, "µs"),
    ]


def _largest() -> tuple[DocumentNode, OperationDefinitionNode, int]:
    """The app's operation that asks for the most fields, with all fragments of the app."""
    schema = SCHEMA._schema
    parsed = [graphql.parse(path.read_text()) for path in sorted(_APP.rglob("*.graphql"))]
    definitions = [definition for document in parsed for definition in document.definitions]
    fragments = [definition for definition in definitions if isinstance(definition, FragmentDefinitionNode)]
    sized = []
    for definition in definitions:
        if isinstance(definition, OperationDefinitionNode):
            document = DocumentNode(definitions=(definition, *fragments))
            sized.append((len(list(asked(schema, document, definition, {}))), document, definition))
    fields, document, operation = max(sized, key=lambda each: each[0])
    return document, operation, fields


def _each(work: Callable[[], object], times: int) -> float:
    spans = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        spans.append((time.perf_counter() - began) / times * _MICRO)
    return median(spans)
