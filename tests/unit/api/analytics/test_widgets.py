"""What docs/analytics.md says a widget is served by is there."""

import re
from pathlib import Path

from graphql import GraphQLObjectType, get_named_type

from api.schema import SCHEMA

_DOC = Path(__file__).parents[4] / "docs" / "analytics.md"


def test_every_field_that_is_named_is_there() -> None:
    text = _DOC.read_text()
    named = set(re.findall(r"`analytics\.([A-Za-z.]+)", text))
    assert len(named) > 15
    schema = SCHEMA._schema
    for path in named:
        kind: object = schema.type_map["Analytics"]
        for name in path.split("."):
            assert isinstance(kind, GraphQLObjectType)
            assert name in kind.fields, path
            kind = get_named_type(kind.fields[name].type)
    assert schema.query_type is not None
    for name in re.findall(r"`([a-z][A-Za-z]+)(?:\([^`]*)?`", text):
        roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
        assert any(root is not None and name in root.fields for root in roots) or name == "hopperIds", name


def test_every_group_of_figures_is_named() -> None:
    kind = SCHEMA._schema.type_map["Analytics"]
    assert isinstance(kind, GraphQLObjectType)
    text = _DOC.read_text()
    assert [name for name in kind.fields if f"analytics.{name}" not in text] == ["scope"]
