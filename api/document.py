"""``docs/api.md``, from the schema's own words: ``python -m api.document`` writes it, a test compares."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    Undefined,
    ast_from_value,
    print_ast,
)

from api.handlers.errors import MOST_BODY, WORDS
from api.schema import SCHEMA
from api.schema.cost import A_CHANGE, A_LIST, COUNTS
from api.schema.rules import needs_of
from api.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
_SCHEMA = SCHEMA._schema
_BUILT_IN = frozenset({"Boolean", "Float", "ID", "Int", "String"})

_HEAD = Template((Path(__file__).parent / "document.md").read_text())


def _figures() -> dict[str, str]:
    """What the introduction tells in numbers: the settings as they are without an environment."""
    said: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
    told = {
        name: f"{value:,}" for name, value in said.items() if isinstance(value, int) and not isinstance(value, bool)
    }
    spans = {name: f"{value.total_seconds():g}" for name, value in said.items() if isinstance(value, timedelta)}
    return {
        **told,
        **spans,
        "origins": ", ".join(f"`{each}`" for each in said["origins"]),
        "counts": ", ".join(f"`{each}`" for each in COUNTS),
        "body": f"{MOST_BODY:,}",
        "a_change": str(A_CHANGE),
        "a_list": str(A_LIST),
    }


def page() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield _HEAD.substitute(_figures())
    yield "| code | what it says, and what to do |\n|---|---|"
    yield from (f"| `{code}` | {words} |" for code, words in WORDS.items())
    for title, root in (
        ("Queries", _SCHEMA.query_type),
        ("Mutations", _SCHEMA.mutation_type),
        ("Subscriptions' fields", _SCHEMA.subscription_type),
    ):
        assert root is not None
        yield f"\n## {title}"
        for name in sorted(root.fields):
            yield from _field(root, name)
    yield "\n## Types"
    roots = {_SCHEMA.query_type, _SCHEMA.mutation_type, _SCHEMA.subscription_type}
    for name, kind in sorted(_SCHEMA.type_map.items()):
        if name.startswith("__") or name in _BUILT_IN or kind in roots:
            continue
        yield f"\n### {name}\n"
        if kind.description:
            yield f"{_line(kind.description)}\n"
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield "| field | | needs |\n|---|---|---|"
            for field, one in kind.fields.items():
                asks = ", ".join(f"{each}: {argument.type}" for each, argument in one.args.items())
                shown = f"`{field}({asks}): {one.type}`" if asks else f"`{field}: {one.type}`"
                yield f"| {shown} | {_line(one.description)} | {needs_of(kind, field) or '—'} |"
        elif isinstance(kind, GraphQLEnumType):
            yield from (f"- `{value}` {_line(one.description)}".rstrip() for value, one in kind.values.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from (
                f"- `{field}: {one.type}` {_line(one.description)}".rstrip() for field, one in kind.fields.items()
            )
        elif isinstance(kind, GraphQLUnionType):
            yield from (f"- `{one.name}`" for one in kind.types)
        else:
            assert isinstance(kind, GraphQLScalarType)


def _field(root: GraphQLObjectType, name: str) -> Iterator[str]:
    one = root.fields[name]
    yield f"\n### {name}\n"
    yield f"`{one.type}` · needs *{needs_of(root, name) or 'nobody may'}*\n"
    yield _line(one.description)
    if one.args:
        yield ""
        yield from (f"- {_argument(each, argument)}" for each, argument in one.args.items())


def _argument(name: str, argument: GraphQLArgument) -> str:
    default = ""
    if argument.default_value is not Undefined:
        node = ast_from_value(argument.default_value, argument.type)
        default = "" if node is None else f" = {print_ast(node)}"
    return f"`{name}: {argument.type}{default}` {_line(argument.description)}".rstrip()


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.name}: {len(page().splitlines())} lines\n")
