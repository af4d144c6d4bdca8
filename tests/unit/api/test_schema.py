"""The committed SDL is the schema, and every part of it is described."""

from pathlib import Path

from graphql import GraphQLObjectType, GraphQLScalarType, build_schema

import api
from api.schema import SCHEMA

SDL = Path(api.__file__).parent / "schema.graphql"


def test_the_committed_text_is_the_schema() -> None:
    assert SDL.read_text() == SCHEMA.as_str() + "\n", "write SCHEMA.as_str() to api/schema.graphql again"


def test_every_type_and_field_is_described() -> None:
    types = [kind for name, kind in build_schema(SDL.read_text()).type_map.items() if not name.startswith("__")]
    ours = [kind for kind in types if isinstance(kind, GraphQLObjectType)]
    assert len(ours) >= 7
    for kind in ours:
        assert kind.description
        assert [name for name, one in kind.fields.items() if not one.description] == []
    own_scalars = {"Decimal", "DateTime"}
    assert all(kind.description for kind in types if isinstance(kind, GraphQLScalarType) and kind.name in own_scalars)
