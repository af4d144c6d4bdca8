"""GraphQL beside Apollo Server: a list of 100 trades × 10 fields, and all of a dashboard (bench/dashboard.graphql).

The API as a process as it is deployed, with authentication, permissions, points and limits; and Apollo Server by node,
over the same PostgreSQL, the same trader (bench/trader.py) and as many connections. Both are warmed, then take turns.
What Apollo's side does and does not, bench/apollo/server.mjs says: it asks nobody who he is, and of the dashboard it
sends the statements that the figures are made of and tells as much, but computes no figure. The bare limit is the same
server when it sends no more than the API does when it is asked again, and so could not know a right answer.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench import api_process, closed_loop, place, trader
from bench.api_process import CONNECTIONS
from bench.closed_loop import Answered
from bench.place import Child, Place
from bench.recorded import recorded
from bench.report import Row, at_least, median, told
from cryptwire.domain.hopper import HopperId
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from devstack import app
from devstack.place import root
from devstack.servers import ServerFailed

CLIENTS = {"trades": 16, "dashboard": 4}
SECONDS, WARM_SECONDS, TURNS = 5.0, 3.0, 3
_HERE = Path(__file__).parent
_PARTS = ("package.json", "package-lock.json", ".npmrc", "server.mjs")
_TRADES = """
query Trades($hopperIds: [ID!]) {
  trades(hopperIds: $hopperIds, first: 100) {
    nodes { id at coin side quantity rate total fee feeCurrency trigger }
  }
}
"""
_READY_SECONDS = 60.0


async def measure() -> list[Row]:
    """Requests a second of both, and how long they take."""
    async with place.opened() as there:
        servers = there.servers
        user, hopper = await trader.seed(servers.postgres.url)
        await trader.tell_prices(servers.redis.url)
        operations = await _operations(servers.postgres.url, hopper)
        node = await app.packages(root(), _beside(), print)
        dashboard = await recorded(
            url_of("api", servers.postgres.url), servers.redis.url, user, *operations["dashboard"]
        )
        file = there.folder / "dashboard.json"
        file.write_bytes(dashboard.as_json("analytics"))
        token = await api_process.token_of(servers.postgres.url, user)
        rows = []
        async with (
            api_process.running(there) as (ours, port),
            _apollo(there, node, file, "first") as (theirs, their_port),
            _apollo(there, node, file, "again") as (bare, bare_port),
        ):
            for name, (text, variables) in operations.items():
                body = orjson.dumps({"query": text, "variables": variables})
                sides = _Side(ours, port, token), _Side(theirs, their_port, None)
                rows += await _compared(
                    name, body, *sides, _Side(bare, bare_port, None) if name == "dashboard" else None
                )
    size = len(orjson.dumps(dashboard.data)) // 1024
    note = f"{len(dashboard.first)} statements, {len(dashboard.again)} of them again, {size} KB"
    return [*rows, Row("graphql: a dashboard", note)]


async def _operations(owner_url: str, hopper: HopperId) -> dict[str, tuple[str, dict[str, Any]]]:
    """Text and variables of both, over all that there is of the hopper."""
    async with database.connect(owner_url, "bench", 1) as rows:
        since = await rows.value("SELECT min(date)::text FROM daily_statistics")
    return {
        "trades": (_TRADES, {"hopperIds": [hopper]}),
        "dashboard": ((_HERE / "dashboard.graphql").read_text(), {"hopperIds": [hopper], "since": since}),
    }


def _beside() -> Path:
    """A folder with Apollo's side, outside the sources, where its packages may lie."""
    folder = root() / ".cryptwire" / "apollo"
    folder.mkdir(parents=True, exist_ok=True)
    for part in _PARTS:
        shutil.copy(_HERE / "apollo" / part, folder / part)
    return folder


@asynccontextmanager
async def _apollo(there: Place, node: Path, dashboard: Path, when: str) -> AsyncIterator[tuple[Child, int]]:
    """``when``: which statements of the dashboard it sends, those of ``first`` or of ``again``."""
    schema = root() / "api" / "schema.graphql"
    database_url = there.servers.postgres.url
    command = [str(node), "server.mjs", str(schema), database_url, str(CONNECTIONS), str(dashboard), when]
    async with place.program(there, "apollo", command, _beside(), {"NODE_ENV": "production"}) as child:
        yield child, await _told_port(child)


async def _told_port(child: Child) -> int:
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            for line in child.process.log.read_text().splitlines():
                if line.startswith("PORT "):
                    return int(line.removeprefix("PORT "))
            if not child.process.is_running:
                raise ServerFailed(f"Apollo Server ended: {child.process.last_words()}")
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class _Side:
    """A server that is asked, and what came of it in each turn; ``cpu`` in milliseconds a request."""

    child: Child
    port: int
    token: str | None
    turns: list[Answered] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The medians of its turns."""
        p50, p99 = median([turn.p50 for turn in self.turns]), median([turn.p99 for turn in self.turns])
        return f"{p50:.1f} ms, {p99:.1f} ms; {median(self.cpu):.2f} ms a request"

    async def ask(self, body: bytes, clients: int, seconds: float) -> Answered:
        return await closed_loop.asked(self.port, body, clients, seconds, self.token)

    async def turn(self, body: bytes, clients: int) -> None:
        before = self.child.usage().cpu_seconds
        answered = await self.ask(body, clients, SECONDS)
        self.turns.append(answered)
        self.cpu.append((self.child.usage().cpu_seconds - before) / answered.count * 1e3)


async def _compared(name: str, body: bytes, ours: _Side, theirs: _Side, bare: _Side | None) -> list[Row]:
    clients, sides = CLIENTS[name], [side for side in (ours, theirs, bare) if side is not None]
    for side in sides:
        await side.ask(body, clients, WARM_SECONDS)
    for _ in range(TURNS):
        for side in sides:
            await side.turn(body, clients)
    for side in sides[1:]:
        _must_tell_the_same(name, ours.turns[-1].body, side.turns[-1].body)
    rates = [median([turn.rate for turn in side.turns]) for side in sides]
    what, whose = f"graphql: {name}", ("ours", "Apollo", "the bare limit")
    limit = [] if bare is None else [told(f"{what}: ours against the bare limit", rates[0] / rates[2], "×")]
    return [
        told(f"{what}, {clients} clients", rates[0], "requests/s", f", Apollo Server {rates[1]:,.3g}"),
        at_least(f"{what}: ours against Apollo Server", rates[0] / rates[1], 1, "×"),
        *limit,
        *(Row(f"{what}, {who}: p50, p99; CPU", side.told) for who, side in zip(whose, sides, strict=False)),
    ]


def _must_tell_the_same(name: str, ours: bytes, theirs: bytes) -> None:
    """Raises AssertionError. A dashboard goes on with the time, so only its fields and its length are compared."""
    if name == "trades":
        same = json.loads(theirs.replace(b".000Z", b"Z")) == json.loads(ours)
    else:
        fields = [list(json.loads(body)["data"]["analytics"]) for body in (ours, theirs)]
        same = fields[0] == fields[1] and abs(len(ours) - len(theirs)) < len(ours) / 50
    if not same:
        raise AssertionError(f"{name}: {ours[:500]!r} and {theirs[:500]!r}")
