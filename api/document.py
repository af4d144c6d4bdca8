"""``docs/api.md``, from the schema's own words: ``python -m api.document`` writes it, a test compares."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

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
_DEFAULTS = {field.name: field.default for field in fields(Settings)}

_INTRODUCTION = f"""<!-- Written by `make docs` from the schema; change the descriptions there. -->
# The API

GraphQL at `/graphql`; the schema is [`api/schema.graphql`](../api/schema.graphql), and what follows is made of it.
[`docs/collection`](collection) holds the main requests, to try with Bruno.

## Asking

- `POST /graphql` with `content-type: application/json` and `{{"query": …, "variables": …, "operationName": …}}`; queries also by
  `GET /graphql?query=…&variables=…`. One operation a request: arrays of them are refused, and so are files and forms.
- Whatever could be understood is answered with 200: what went wrong is in `errors`, each with a `code` that says what to do.
  400 is for what is no operation at all, 413 for more than {MOST_BODY:,} bytes, 500 for a fault of ours.
- Amounts are exact decimals as text, moments are UTC, days are dates of the user's zone.

## Signing in

- **Browser**: `signIn` sets cookies that scripts cannot read; send `credentials: same-origin` and the header `X-Cryptwire: 1`
  with every mutation (pages of other sites cannot). `refreshSession` renews the session before `expiresAt`.
- **Mobile and desktop**: `signIn(…, asTokens: true)` answers `accessToken` and `refreshToken`. Show the first as
  `Authorization: Bearer …`; before it expires get new ones by `refreshSession(refreshToken: …)`. A refresh token is good once:
  whoever shows it again ends the session. Pages of {", ".join(f"`{each}`" for each in _DEFAULTS["origins"])} may ask with a token (CORS), never with a cookie.
- **Scripts**: make a personal token by `createApiToken` (`READ`, or `READ` and `WRITE`) and show it as
  `Authorization: Bearer cwp_…`. It can neither sign in nor change passwords, sessions or tokens.
- A session that is ended ends everywhere within five seconds, sockets included.

```sh
curl -s $CRYPTWIRE/graphql -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
     -d '{{"query": "{{ hoppers {{ id name baseCurrency }} }}"}}'
```

## Permissions

Each field says below what it needs: an action on a resource, which plans and tokens hold or do not
([`policy.csv`](../cryptwire/permissions/policy.csv)). `me {{ permissions {{ resource action effect }} }}` gives a client its own. An operation with a field that may not be
asked for is refused whole: leave it out by `@include`. What is not yours is NOT_FOUND, like what is not there.

## Subscriptions

Over WebSocket at `/graphql`, sub-protocol `graphql-transport-ws`. Who asks is said by the cookie (pages of this origin), the
header `Authorization`, or the first message: `{{"type": "connection_init", "payload": {{"authorization": "Bearer …"}}}}`. Queries may go over it, too;
mutations may not.

{_DEFAULTS["sockets_a_user"]} sockets of one user, {_DEFAULTS["subscriptions_a_socket"]} operations on a socket. A `ping` comes each 15 s. Closing codes: 4400 that was no message of the protocol; 4401 sign in first, or
the session has ended; 4403 the plan no longer holds something that is shown here; 4408 nothing was taken for {_DEFAULTS["socket_patience"].total_seconds():.0f} s, or said for 10; 4429 too
many sockets; 1009 too long; 1013 try again in a moment. An access token that expires closes nothing while its session lives.

## Limits

- An operation: {_DEFAULTS["most_tokens"]:,} tokens, {_DEFAULTS["most_depth"]} levels, {_DEFAULTS["most_fields"]} fields, {_DEFAULTS["most_aliases"]} aliases, {_DEFAULTS["most_directives"]} directives; what a fragment holds counts wherever it is spread.
- Its cost: {_DEFAULTS["most_cost"]:,} points. A field is one, a mutation's {A_CHANGE}; what stands in a list counts as often as the list may be long:
  {", ".join(f"`{each}`" for each in COUNTS)}, else what is known of the list, else {A_LIST}. TOO_COSTLY says what it `cost` and what is `allowed`.
- All of a user's: {_DEFAULTS["points_a_minute"]:,} points a minute, a stranger's by his address. EXHAUSTED says the seconds to wait in `retryAfter`.
- Every answer says it in a header: `x-cost: 41; most=20000; left=299959`.
- {_DEFAULTS["request_time"].total_seconds():.0f} s a request. A query is then given up, and also when its client goes away; a mutation goes on to its end.

## Persisted queries

Apollo's protocol: send `extensions.persistedQuery` `{{"version": 1, "sha256Hash": …}}` without a query; at PERSISTED_QUERY_NOT_FOUND once with it. Also
by GET, for queries. A server may be set to take only the operations of a list (`CRYPTWIRE_API_KNOWN_OPERATIONS`, made by
`python -m api.operations web/src/app`).

## Codes of errors
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield _INTRODUCTION
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
