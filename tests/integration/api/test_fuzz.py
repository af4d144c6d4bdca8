"""Operations that nobody would send are answered: no fault of ours, no hang, whoever asks."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import graphql
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode, mutations, nodes, queries

from api.schema import SCHEMA
from cryptwire.config import environment
from tests.integration.api.conftest import EMAIL, PASSWORD, World, running
from tests.integration.api.walking import literal

_IS_FULL = "CRYPTWIRE_FULL" in environment()
_EACH = 2_000 if _IS_FULL else 12
_EVERY = 1 if _IS_FULL else 7  # of the odd ones
_AT_ONCE = 6
_PATIENCE = 8.0  # seconds for one answer
_ENDS_THE_ASKER = ("signOut", "endSession", "endOtherSessions", "deleteAccount")

_ODD = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n",
    "%s",
    "'; --",
    "../..",
    "1e999",
    "NaN",
    "-0",
    "٣",
    "0x1",
    "null",
    "\u202e",
    "x" * 2_000,
]
_MOMENTS = [
    "2026-01-31T12:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "now",
]
_DAYS = ["2026-01-31", "0001-01-01", "9999-12-31"]
_DECIMALS = ["0.5", "-1", "1e60", "0.1e-50", "9" * 60]


def _texts(known: Sequence[str]) -> st.SearchStrategy[graphql.ValueNode]:
    """Mostly what could be: one wrong literal has the whole operation refused before anything is tried."""
    return st.sampled_from([*list(known) * 40, *_ODD]).map(nodes.String)


_SCALARS: dict[str, st.SearchStrategy[graphql.ValueNode]] = {
    "DateTime": _texts(_MOMENTS),
    "Date": _texts(_DAYS),
    "Decimal": _texts(_DECIMALS),
    "JSON": st.sampled_from(["{}", "[]", "null", "1e400", '{ name: "x", when: [{ rule: "stop-loss" }] }']).map(
        graphql.parse_value
    ),
}


def _documents(make: Callable[..., st.SearchStrategy[str]], mode: Mode, count: int, **more: Any) -> list[str]:
    """As many documents of one kind, the same in every run of CI."""
    made: list[str] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(20_260_131)
    @given(make(SCHEMA.as_str(), custom_scalars=_SCALARS, mode=mode, **more))
    def keep(document: str) -> None:
        made.append(document)

    keep()
    return made


def _odd() -> list[tuple[str, dict[str, Any]]]:
    """Every argument of every root field, and of its inputs, given what is odd: by hand, since nobody draws it."""
    asked: list[tuple[str, dict[str, Any]]] = []
    schema = SCHEMA._schema
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, one in root.fields.items():
            if name in _ENDS_THE_ASKER:
                continue
            whole = "" if graphql.is_leaf_type(graphql.get_named_type(one.type)) else "{ __typename }"
            for odd in (None, *_ODD, "\ud800", 2**31, -1, 1.5, True, [], {}, ["x"] * 50, {"x": "y"}):
                declared = ", ".join(f"${each}: {argument.type}" for each, argument in one.args.items())
                given_ = ", ".join(f"{each}: ${each}" for each in one.args)
                head, tail = (f"({declared})", f"({given_})") if one.args else ("", "")
                for id in (odd, "1"):  # the second is one of his own
                    values = {each: _like(argument.type, odd, id) for each, argument in one.args.items()}
                    asked.append((f"{kind}{head} {{ {name}{tail} {whole} }}", values))
                if not one.args:
                    break
    return asked


def _like(kind: Any, odd: Any, id: Any) -> Any:
    """``odd`` in the shape of ``kind``, so that it comes as far as it can; ``id`` for an identity."""
    if graphql.is_non_null_type(kind):
        return _like(kind.of_type, odd, id)
    if graphql.is_list_type(kind):
        return [_like(kind.of_type, odd, id)]
    if graphql.is_input_object_type(kind):
        return {name: _like(each.type, odd, id) for name, each in kind.fields.items()}
    if kind.name == "ID":
        return id
    if isinstance(odd, str) and kind.name in ("Date", "DateTime") and id != odd:
        return _DAYS[len(odd) % 3] if kind.name == "Date" else _MOMENTS[len(odd) % 3]
    if graphql.is_enum_type(kind):
        return next(iter(kind.values))
    if isinstance(odd, str) and kind.name in ("Int", "Float", "Boolean"):
        return {"Int": 2**31 - 1, "Float": 1e308, "Boolean": True}[kind.name]
    return odd


@dataclass
class Tally:
    """What came of it."""

    asked: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


async def _ask(
    http: aiohttp.ClientSession, base: str, token: str | None, query: str, variables: dict[str, Any], tally: Tally
) -> None:
    headers = {"X-Cryptwire": "1"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    began = time.monotonic()
    try:
        body = {"query": query, "variables": variables}
        async with asyncio.timeout(_PATIENCE), http.post(f"{base}/graphql", json=body, headers=headers) as r:
            answer = (
                await r.json() if r.status in (200, 400) else {"errors": [{"extensions": {"code": f"HTTP {r.status}"}}]}
            )
    except TimeoutError:
        answer = {"errors": [{"extensions": {"code": "HANG"}}]}
    tally.asked += 1
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())} or {"none"}
    for code in codes:
        tally.codes[code] = tally.codes.get(code, 0) + 1
    if any(code in ("INTERNAL", "HANG") or code.startswith("HTTP") for code in codes):
        tally.faults.append(f"{sorted(codes)} after {time.monotonic() - began:.1f} s: {query} {str(variables)[:500]}")


@pytest.mark.timeout(3_600 if _IS_FULL else 400)
async def test_whatever_is_asked_is_answered(world: World) -> None:
    mine = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    yours = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", "you@example.com")
    safe = [name for name in SCHEMA._schema.mutation_type.fields if name not in _ENDS_THE_ASKER]  # type: ignore[union-attr]
    drawn = [
        *_documents(queries, Mode.POSITIVE, _EACH),
        *_documents(queries, Mode.NEGATIVE, _EACH),
        *_documents(mutations, Mode.POSITIVE, _EACH, fields=safe),
        *_documents(mutations, Mode.NEGATIVE, _EACH, fields=safe),
    ]
    operations = [*[(text, {}) for text in drawn], *_odd()[::_EVERY]]
    tally = Tally()
    tokens = [None, await world.keys.signed_in(world.owner, yours), await world.keys.signed_in(world.owner, mine)]
    todo = itertools.product(operations, tokens)
    much = 1_000_000_000  # what is refused as too often is tried no further
    patient = replace(
        world.settings,
        attempts_a_minute=much,
        address_attempts_a_minute=much,
        points_a_minute=much,
        connections=_AT_ONCE,
    )
    async with running(patient) as (base, runtime):

        async def work() -> None:
            for (query, variables), token in todo:
                await _ask(world.http, base, token, query, variables, tally)

        await asyncio.gather(*[work() for _ in range(_AT_ONCE)])
        print(f"{tally.asked} operations: {dict(sorted(tally.codes.items()))}")
        assert not tally.faults, "\n".join(tally.faults[:20])
        assert runtime.meters.value("api_errors", code="INTERNAL") == 0


_RIGHT = {
    "email": '"new@example.com"',
    "password": f'"{PASSWORD}"',
    "newPassword": f'"{PASSWORD}"',  # hashed anew it is another, and what comes after it knows it
    "confirmation": f'"{EMAIL}"',
    "zone": '"Asia/Kathmandu"',
    "currency": '"CHF"',
    "plan": '"pro"',
    "url": '"http://127.0.0.1:9/hook"',
}
"""What is right for an argument of this name: so a change comes as far as it can."""
_LAST = ("endTotp", "endOtherSessions", "endSession", "changePassword", "signOut", "deleteAccount")


async def test_every_change_asked_for_by_many_at_once_is_answered_and_done_whole_or_not(world: World) -> None:
    """By one user on several devices, with what is right as far as it can be told; the last ones leave him nothing."""
    mine = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    root = SCHEMA._schema.mutation_type
    assert root is not None
    tally = Tally()
    async with running(replace(world.settings, attempts_a_minute=10_000, address_attempts_a_minute=10_000)) as (
        base,
        _,
    ):
        for name in sorted(root.fields, key=lambda name: (name in _LAST and _LAST.index(name) + 1, name)):
            one = root.fields[name]
            given_ = ", ".join(
                f"{each}: {_RIGHT.get(each) or literal(argument.type)}"
                for each, argument in one.args.items()
                if graphql.is_required_argument(argument)
            )
            whole = "" if graphql.is_leaf_type(graphql.get_named_type(one.type)) else "{ __typename }"
            text = f"mutation {{ {name}{f'({given_})' if given_ else ''} {whole} }}"
            tokens = [await world.keys.signed_in(world.owner, mine) for _ in range(_AT_ONCE)]
            await asyncio.gather(*(_ask(world.http, base, token, text, {}, tally) for token in tokens))
    assert not tally.faults, "\n".join(tally.faults)
    assert {"none", "INVALID", "NOT_FOUND"} <= tally.codes.keys()
    assert tally.codes["none"] > len(root.fields), "most are right once at least"
    often = ["new-device", "api-token-made", "email-change-asked"]
    kept = await world.owner.fetch(
        "SELECT template FROM mails WHERE address = $1 AND NOT template = ANY($2::text[])", EMAIL, often
    )
    assert sorted(row["template"] for row in kept) == ["account-deleted", "password-changed"], "once each"
    assert (
        await world.owner.value("SELECT count(*) FROM sessions WHERE user_id::text = $1 AND ended_at IS NULL", mine)
        == 0
    )
    assert await world.owner.value("SELECT count(*) FROM users WHERE email = $1 AND trial_began_at IS NULL", EMAIL) == 1
