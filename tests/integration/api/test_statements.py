"""A list of fifty asks the database as often as a list of one, whatever is asked of what it holds."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import graphql
import pytest

from api.schema import SCHEMA
from api.schema.cost import BOUNDS
from cryptwire.clock import EPOCH
from cryptwire.codec.rule_set import body_from_json, body_to_json
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.audit import Entry
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage import audit
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.flows import Flows
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.kill_switches import KillSwitches, Level
from cryptwire.storage.notices import Notices
from cryptwire.storage.rule_sets import RuleSets
from cryptwire.storage.session_book import SessionBook
from cryptwire.storage.trades import Trades
from tests.integration.api.conftest import EMAIL, World, running
from tests.integration.api.rule_sets import body

MANY = 50
_RULE_SET = RuleSetId("00000000-0000-4000-8000-00000000000a")
Fill = Callable[[World, UserId, int], Awaitable[None]]


async def _hoppers(world: World, me: UserId, number: int) -> None:
    id, name = HopperId(f"h{number}"), f"Bot h{number}"
    span = timedelta(seconds=60)
    await Hoppers(world.owner).put(Hopper(id, me, name, Exchange("binance"), Asset("USDT"), False, span))


async def _sessions(world: World, me: UserId, number: int) -> None:
    await SessionBook(world.owner).begin(me)


async def _api_tokens(world: World, me: UserId, number: int) -> None:
    until = await world.owner.value("SELECT now() + interval '1 day'")
    await ApiTokens(world.owner).add(me, f"token {number}", ["read"], until)


async def _notices(world: World, me: UserId, number: int) -> None:
    at = world.runtime.clock.now()
    facts = {"done": "1", "total": "2"}
    hopper = HopperId("1") if number % 2 else None
    await Notices(world.owner).add(Notice(me, NoticeClass.INFO, "import-done", f"key {number}", at, facts, hopper))


async def _flows(world: World, me: UserId, number: int) -> None:
    at = world.runtime.clock.now() - timedelta(hours=number + 1)
    candidate = FlowCandidate(HopperId("1"), at, Asset("BTC"), Decimal(1), 50_000.0, 1_000.0, 1)
    await FlowCandidates(world.owner).write([candidate])
    await Flows(world.owner).open_new(EPOCH)


async def _rule_sets(world: World, me: UserId, number: int) -> None:
    await RuleSets(world.owner).add(me, HopperId("1"), body_from_json(body(f"number {number}")), lambda _: None)


async def _one_rule_set(world: World, me: UserId, number: int) -> None:
    """The same one, in as many versions."""
    rule_sets, first = RuleSets(world.owner), body_from_json(body())
    if number == 0:
        for statement in (
            "INSERT INTO rule_sets (rule_set_id, user_id, hopper_id, version)"
            " VALUES ($1::text::uuid, $2::text::uuid, '1', 1)",
            "INSERT INTO rule_set_versions (rule_set_id, version, user_id, body)"
            " VALUES ($1::text::uuid, 1, $2::text::uuid, $3::text::jsonb)",
        ):
            values = (_RULE_SET, me, json.dumps(body_to_json(first)))
            await world.owner.execute(statement, *values[: statement.count("$")])
    before = await rule_sets.of(me, _RULE_SET)
    await rule_sets.edit(before, body_from_json(body(f"number {number}")), lambda _: None)


async def _intents(world: World, me: UserId, number: int) -> None:
    await world.owner.execute(
        "INSERT INTO intents (rule_set_id, version, mode_number, epoch, hopper_id, user_id, is_shadow, snapshot_id,"
        " snapshot, decided_at, actions, progress, state)"
        " VALUES ($1::text::uuid, 1, 1, $2, '1', $3::text::uuid, true, 's/1', '', now(), $4::text::jsonb, '{}',"
        " 'done')",
        _RULE_SET,
        number + 1,
        me,
        json.dumps([{"action": "notify", "text": "x"}] * 3),
    )


async def _audit(world: World, me: UserId, number: int) -> None:
    async with world.owner.transaction() as connection:
        await audit.append(connection, [Entry(HopperId("1"), EPOCH, "fired", {"number": number})])


async def _kill_switches(world: World, me: UserId, number: int) -> None:
    await _hoppers(world, me, number)
    await KillSwitches(world.owner).turn(Level.HOPPER, f"h{number}", me, is_on=True)


async def _trades(world: World, me: UserId, number: int) -> None:
    at = world.runtime.clock.now() - timedelta(minutes=number)
    pair = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    one = Decimal(1)
    await Trades(world.owner).add(
        [Trade(HopperId("1"), TradeId(str(number)), pair, Side.SELL, one, one, one, one, Asset("USDT"), at)]
    )


async def _results(world: World, me: UserId, number: int) -> None:
    """A trade, and what it closed."""
    await _trades(world, me, number)
    await world.owner.execute(
        "INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,"
        " fee_units, fee_currency, currency, rate, closed, proceeds, cost, fees, net, opened_at, is_short)"
        " SELECT hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total, fee, fee, fee_currency,"
        " 'USDT', 1, quantity, total, total, fee, 0, at, false FROM trades WHERE trade_id = $1",
        str(number),
    )


FILLED: dict[str, tuple[str, Fill]] = {
    "hoppers": ("", _hoppers),
    "sessions": ("", _sessions),
    "apiTokens": ("", _api_tokens),
    "notices": ("(first: 100)", _notices),
    "flows": ('(hopperIds: ["1"], first: 100)', _flows),
    "ruleSets": ('(hopperId: "1")', _rule_sets),
    "ruleSetVersions": (f'(id: "{_RULE_SET}", first: 100)', _one_rule_set),
    "ruleSetChanges": (f'(id: "{_RULE_SET}", first: 100)', _one_rule_set),
    "intents": ('(hopperId: "1", first: 100)', _intents),
    "auditLog": ('(hopperId: "1", first: 100)', _audit),
    "killSwitches": ("", _kill_switches),
    "trades": ("(first: 100)", _trades),
    "results": ("(first: 100)", _results),
}
"""The lists and pages that grow with what a user has: how they are asked for, and how one more is added."""


class Counting:
    """A way to PostgreSQL that counts the statements which pass."""

    def __init__(self) -> None:
        self.statements = 0

    @asynccontextmanager
    async def before(self, url: str) -> AsyncIterator[str]:
        """The same address by this way."""
        parts = urlsplit(url)
        lines: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection(parts.hostname, parts.port)
            both = asyncio.gather(self._count(reader, there[1]), _pass(there[0], writer), return_exceptions=True)
            task = asyncio.current_task()
            assert task is not None
            lines.add(task)
            await both

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        credentials = parts.netloc.rpartition("@")[0]
        try:
            yield urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
        finally:
            server.close()
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Frontend messages: the first ones have no kind; Query and Execute are statements."""
        try:
            while True:
                size = int.from_bytes(first := await reader.readexactly(4))
                body = await reader.readexactly(size - 4)
                writer.write(first + body)
                if int.from_bytes(body[:4]) == 196_608:  # the start-up; before it, whether there is TLS
                    break
            while True:
                kind = await reader.readexactly(1)
                first = await reader.readexactly(4)
                body = await reader.readexactly(int.from_bytes(first) - 4)
                self.statements += kind in (b"Q", b"E")
                writer.write(kind + first + body)
        except asyncio.IncompleteReadError:
            writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


def whole(kind: Any, levels: int = 4) -> str:
    """Everything that can be selected of a type without arguments that must be given."""
    kind = graphql.get_named_type(kind)
    if graphql.is_leaf_type(kind):
        return ""
    parts = ["__typename"]
    for name, one in kind.fields.items():
        if any(graphql.is_required_argument(argument) for argument in one.args.values()):
            continue
        inner = whole(one.type, levels - 1) if levels else None
        if inner is not None and (inner or graphql.is_leaf_type(graphql.get_named_type(one.type))):
            parts.append(f"{name} {inner}")
    return "{ " + " ".join(parts) + " }"


def _is_long(kind: Any) -> bool:
    """True for a list of things, and for a page with one."""
    kind = graphql.get_nullable_type(kind)
    if graphql.is_list_type(kind):
        return not graphql.is_leaf_type(graphql.get_named_type(kind))
    return graphql.is_object_type(kind) and "nodes" in kind.fields


def test_every_list_is_known_to_grow_or_to_be_short() -> None:
    query = SCHEMA._schema.query_type
    assert query is not None
    lists = {name for name, one in query.fields.items() if _is_long(one.type)}
    known = FILLED.keys() | {name.partition(".")[2] for name in BOUNDS if name.startswith("Query.")}
    assert lists <= known, "say in FILLED how one more is added, or in cost.BOUNDS how many there are at most"


@pytest.mark.parametrize("name", FILLED)
async def test_fifty_cost_as_many_statements_as_one(world: World, name: str) -> None:
    me = UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL))
    query = SCHEMA._schema.query_type
    assert query is not None
    arguments, fill = FILLED[name]
    text = f"{{ {name}{arguments} {whole(query.fields[name].type)} }}"
    counting = Counting()
    async with counting.before(world.settings.database_url) as address:
        settings = replace(world.settings, database_url=address, most_cost=10**9)
        async with running(settings) as (base, _):
            headers = {"Authorization": f"Bearer {await world.keys.signed_in(world.owner, me)}"}

            async def asked() -> tuple[int, int]:
                """How many there are, and how many statements that took: at least, since the service looks around."""
                took = []
                for _ in range(4):  # who asks is remembered after the first
                    before = counting.statements
                    async with world.http.post(f"{base}/graphql", json={"query": text}, headers=headers) as response:
                        answer = await response.json()
                    assert "errors" not in answer, answer
                    took.append(counting.statements - before)
                found = answer["data"][name]
                return len(found if isinstance(found, list) else found["nodes"]), min(took)

            await fill(world, me, 0)
            few, statements = await asked()
            for number in range(1, MANY):
                await fill(world, me, number)
            many, statements_of_many = await asked()
    assert many == few + MANY - 1
    assert 0 < statements_of_many == statements, f"{statements} for {few}, {statements_of_many} for {many}: {text}"
