"""How soon a webhook is answered under 500 deliveries a second, beside a bare route of the same server.

The receiver is the real process with PostgreSQL and NATS; the gateway is played and has a new trade in every list, so
each read ends in a row and a message. The sender is another process; a call's time counts from the instant at which
it was due. Bare route and receiver take turns, twice each, in one run.
"""

import asyncio
import json
from typing import Any

import asyncpg

from bench import place
from bench.place import Place
from bench.report import Row, at_most, median, told
from bench.webhook_parts import FIRST_HOPPER, SECRET
from cryptwire.clock import SystemClock
from cryptwire.storage.database import url_of
from devstack import certificates
from devstack.servers import free_port
from webhook.main import PATH

RATE, SECONDS, HOPPERS, TURNS = 500, 10.0, 2_000, 2
_SETTLES_SECONDS = 60.0


async def measure() -> list[Row]:
    """p50 and p99 of both, and what the receiver did meanwhile."""
    async with place.opened() as there:
        folder = there.folder / "certificates"
        certificates.issue(folder, ("gateway", "webhook"), SystemClock().now())
        connection = await asyncpg.connect(there.servers.postgres.url)
        await _fill(connection)
        gateway, port, bare_port = f"127.0.0.1:{free_port()}", free_port(), free_port()
        settings = {
            "database_url": url_of("webhook", there.servers.postgres.url),
            "nats_url": there.servers.nats.url("webhook"),
            "gateway_address": gateway,
            "certificates": folder,
            "app_secret": SECRET,
            "verification_code": "code",
            "port": port,
        }
        async with (
            place.module(there, "bench.webhook_parts", "gateway", gateway, str(folder)),
            place.module(there, "bench.webhook_parts", "bare", str(bare_port)),
            place.service(there, "webhook", settings) as receiver,
        ):
            await receiver.ready()
            await asyncio.sleep(1)
            bare, ours = [], []
            for _ in range(TURNS):
                bare.append(await _sent(there, f"http://127.0.0.1:{bare_port}/hook"))
                before = receiver.usage()
                ours.append(await _sent(there, f"http://127.0.0.1:{port}{PATH}"))
                after = receiver.usage()
                used, waited = after.cpu_seconds - before.cpu_seconds, after.waited_seconds - before.waited_seconds
            late = await _settled(receiver, connection)
            meters = await receiver.meters()
        rows = int(await connection.fetchval("SELECT count(*) FROM trades"))
        await connection.close()
    answers = sum(sum(turn["statuses"].values()) for turn in ours)
    good = sum(turn["statuses"].get("200", 0) for turn in ours)
    reads = sum(value for name, value in meters.items() if name.startswith("cryptwire_webhook_reads_total"))
    if rows != int(meters.get("cryptwire_webhook_trades_total", 0)):
        raise AssertionError(f"{rows} rows and {meters.get('cryptwire_webhook_trades_total')} trades told")
    note = f" ({RATE}/s for {SECONDS:g} s, {HOPPERS:,} hoppers)"
    return [
        told("webhook: bare route, p50", median([turn["p50"] for turn in bare]) * 1000, "ms"),
        told("webhook: bare route, p99", max(turn["p99"] for turn in bare) * 1000, "ms"),
        told("webhook: answer, p50", median([turn["p50"] for turn in ours]) * 1000, "ms"),
        at_most("webhook: answer, p99, the worse of two", max(turn["p99"] for turn in ours) * 1000, 50, "ms", note),
        told(
            "webhook: answer against bare route, p99, the worse of each",
            max(turn["p99"] for turn in ours) / max(turn["p99"] for turn in bare),
            "×",
        ),
        told("webhook: longest answer", max(turn["max"] for turn in ours) * 1000, "ms"),
        at_most("webhook: calls not answered with 200", answers - good, 0, f"of {answers:,}"),
        told("webhook: lists read and trades stored and told meanwhile", reads, "reads", f", {rows:,} rows"),
        told("webhook: last read after the last call", late, "s"),
        told("webhook: CPU of the process", used / SECONDS, "cores", " (answers and reads)"),
        told("webhook: of each second the process waited for a core", waited / SECONDS * 1000, "ms"),
    ]


async def _fill(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    user = await connection.fetchval("INSERT INTO users (email, password_hash) VALUES ('a@b', '-') RETURNING user_id")
    await connection.execute(
        "INSERT INTO hoppers SELECT ($1 + n)::text, $2, 'n', 'binance', 'USDT', false, 60"
        " FROM generate_series(0, $3 - 1) n",
        FIRST_HOPPER,
        user,
        HOPPERS,
    )


async def _sent(there: Place, url: str) -> dict[str, Any]:
    arguments = ("send", url, str(RATE), str(SECONDS), str(HOPPERS))
    async with place.module(there, "bench.webhook_parts", *arguments) as sender:
        lines = (await place.until_ended(sender, SECONDS + 60)).splitlines()
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


async def _settled(receiver: place.Child, connection: "asyncpg.Connection[asyncpg.Record]") -> float:
    """Seconds until no read came any more for two seconds."""
    loop = asyncio.get_running_loop()
    began = changed = loop.time()
    count = -1
    while loop.time() - changed < 2 and loop.time() - began < _SETTLES_SECONDS:
        now = int(await connection.fetchval("SELECT count(*) FROM trades"))
        if now != count:
            count, changed = now, loop.time()
        await asyncio.sleep(0.1)
    return changed - began
