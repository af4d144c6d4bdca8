"""From a rule that is satisfied to the first request that acts: one controller that holds 10,000 hoppers.

Real PostgreSQL, Redis, NATS, gateway (mutual TLS) and controller; Cryptohopper is played and answers a read in 50 ms.
Another process plays the analyser: figures of every hopper each 2 s. Half of the rule sets are a trailing stop, which
all arm, half compare an RSI; each sells by the panic button. Measured is from the publication of the message that
satisfies the rule, confirmed (R8), to the arrival upstream of the first request that acts: buying is turned off (R14).
In between lie the decision's commit, three reads of upstream, the commit of what is to be sent, and the gateway's own.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench import gateways, place, shard
from bench.place import Child, Usage, until_ended
from bench.report import Row, at_most, median, percentile, told
from cryptwire.codec.rule_set import body_from_json, body_to_json
from cryptwire.domain.hopper import UserId
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database, role, url_of
from devstack.servers import free_port, listens

HOPPERS = 10_000
FEW, BURST = 200, 100
CONFIRMED_BY = 3  # messages
_POD = "bench"
_PATIENCE = 90.0
_LONGEST = 150.0
_CONFIRM = {"ticks": CONFIRMED_BY, "seconds": 3}
_TRAILING = {"rule": "trailing-stop", "arm_at": 0.02, "trail": 0.03, "confirm": _CONFIRM}
_COMPARE = {
    "rule": "compare",
    "left": {"figure": "rsi(length=14)@15"},
    "is": "below",
    "right": 20,
    "confirm": _CONFIRM,
}
_PEOPLE = """
    INSERT INTO users (email, password_hash, plan)
    SELECT 'unlinked' || n || '@example.com', '-', 'pro' FROM generate_series(1, $1::int) n RETURNING user_id::text
"""
_HOPPERS = """
    INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)
    SELECT hopper, person::uuid, 'bench', $3, $4, false, 300 FROM unnest($1::text[], $2::text[]) AS t (hopper, person)
    ON CONFLICT (hopper_id) DO NOTHING
"""
_RULE_SETS = """
    INSERT INTO rule_sets (user_id, hopper_id, version, mode) SELECT user_id, hopper_id, 1, 'armed' FROM hoppers
"""
_VERSIONS = """
    INSERT INTO rule_set_versions (rule_set_id, version, user_id, body)
    SELECT rule_set_id, 1, user_id, CASE hopper_id::bigint % 2 WHEN 0 THEN $1 ELSE $2 END::jsonb FROM rule_sets
"""


def few_hopper(number: int) -> int:
    """Which hopper is the ``number``th of those that fire one by one: they lie apart."""
    return number * 47


def burst_hopper(number: int) -> int:
    """Of those that fire at once: one after the other in a round."""
    return FEW * 47 + number


def is_trailing(number: int) -> bool:
    """Its rule is a trailing stop; else it compares."""
    return int(shard.hopper_id(number)) % 2 == 0


_FIRE = [few_hopper(number) for number in range(FEW)] + [burst_hopper(number) for number in range(BURST)]


async def measure() -> list[Row]:
    async with place.opened() as there:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        async with (
            place.module(there, "bench.rules_upstream", str(port)),
            gateways.running(there, address, told={}) as running,
            database.connect(there.servers.postgres.url, "bench", 2) as rows,
        ):
            while not await asyncio.to_thread(listens, port):  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.05)
            await _fill(rows, await gateways.linked(running, FEW + BURST, _consent))
            confirming = asyncio.create_task(_confirm(rows))
            try:
                return await _with_controller(running, rows, address)
            finally:
                confirming.cancel()


async def _with_controller(running: gateways.Gateways, rows: Database, address: str) -> list[Row]:
    there, servers = running.there, running.there.servers
    settings: dict[str, object] = {
        "pod": _POD,
        "database_url": url_of("controller", servers.postgres.url),
        "redis_url": servers.redis.url,
        "nats_url": servers.nats.url("controller"),
        "gateway_address": running.addresses[0],
        "certificates": there.folder / "certificates",
    }
    async with (
        place.module(there, "bench.rules_source", servers.nats.admin_url) as source,
        place.service(there, "controller", settings) as controller,
    ):
        await controller.ready()
        await _until(source, "ready")
        before = controller.usage()
        await Assignments(rows).assign([shard.hopper_id(number) for number in range(HOPPERS)], _POD)
        await _until(source, "measured")
        log = servers.postgres.process.log
        began, start, meters = time.monotonic(), controller.usage(), await controller.meters()
        gateway, asked = running.children[0].usage(), _statements(log)
        output = await until_ended(source, _LONGEST)
        took, end, after = time.monotonic() - began, controller.usage(), await controller.meters()
        statements = (_statements(log) - asked) / took
        gateway_share = (running.children[0].usage().cpu_seconds - gateway.cpu_seconds) / took
        said = json.loads(output.splitlines()[-1])
        async with aiohttp.ClientSession() as http, http.get(f"{address}/first") as answer:
            first: dict[str, float] = await answer.json()
        if not first:
            raise RuntimeError(f"none acted: {controller.process.last_words()}")
        return _rows(said, first, took, (before, start, end), (meters, after), controller, statements, gateway_share)


def _rows(
    said: dict[str, Any],
    first: dict[str, float],
    took: float,
    usage: tuple[Usage, Usage, Usage],
    meters: tuple[dict[str, float], dict[str, float]],
    controller: Child,
    statements: float,
    gateway_share: float,
) -> list[Row]:
    before, start, end = usage
    few = _delays(said["satisfied"], first, [few_hopper(number) for number in range(FEW)])
    burst = _delays(said["satisfied"], first, [burst_hopper(number) for number in range(BURST)])
    share = (end.cpu_seconds - start.cpu_seconds) / took
    evaluations = _grown(meters, "cryptwire_controller_evaluations_total")
    rounds = _grown(meters, "cryptwire_controller_round_seconds_count")
    cost, slowest = share * took / max(1.0, evaluations), max(said["rounds"])
    return [
        _delay("rules: satisfied to first request upstream, p99", few, FEW, 1.0),
        _delay(f"rules: the same of {BURST} satisfied at once, p99", burst, BURST),
        told(f"rules: controller, {HOPPERS:,} hoppers each 2 s", share * 100, "% of a core",
             f", {cost * 1e6:.0f} µs an evaluation ({evaluations / took:,.0f} a second)"),
        told("rules: its statements", statements, "a second",
             f"; {rounds / took:.1f} rounds a second; wishes for figures {said['wishes'] / took:.0f} a second"),
        told("rules: memory of a hopper", (end.rss_bytes - before.rss_bytes) / HOPPERS / 1000, "KB",
             f" ({before.rss_bytes / 1e6:.0f} MB without)"),
        told("rules: gateway's process", gateway_share * 100, "% of a core"),
        told("rules: wanted a core and got none (others disturb)",
             (end.waited_seconds - start.waited_seconds) / took * 100, "% of the time",
             f"; warnings in its log: {controller.faults()}; slowest round of figures {slowest:.1f} s"),
    ]  # fmt: skip


def _delay(what: str, delays: list[float], of: int, most: float = 0.0) -> Row:
    if not delays:
        return Row(what, f"none of {of} acted in time", is_ok=False)
    note = f" (p50 {median(delays):.2f} s, longest {max(delays):.2f} s; {len(delays)} of {of})"
    value = percentile(delays, 0.99)
    return at_most(what, value, most, "s", note) if most else told(what, value, "s", note)


def _delays(satisfied: dict[str, float], first: dict[str, float], numbers: list[int]) -> list[float]:
    """The seconds of each that acted; one that acted before its rule was satisfied is an error."""
    found = [
        first[shard.hopper_id(number)] - satisfied[str(number)]
        for number in numbers
        if shard.hopper_id(number) in first
    ]
    if any(each <= 0 for each in found):
        raise RuntimeError("a rule acted before it was satisfied")
    return found


def _grown(meters: tuple[dict[str, float], dict[str, float]], name: str) -> float:
    return meters[1].get(name, 0.0) - meters[0].get(name, 0.0)


async def _fill(rows: Database, linked: list[UserId]) -> None:
    """A user with a hopper with an armed rule set each; those that fire are of users that are linked."""
    owners = dict(zip(_FIRE, linked, strict=True))
    others = iter([row["user_id"] for row in await rows.fetch(_PEOPLE, HOPPERS - len(owners))])
    people = [owners.get(number) or next(others) for number in range(HOPPERS)]
    ids = [shard.hopper_id(number) for number in range(HOPPERS)]
    await rows.execute(_HOPPERS, ids, people, shard.EXCHANGE, shard.BASE)
    await rows.execute(_RULE_SETS)
    await rows.execute(_VERSIONS, *(_body(when) for when in (_TRAILING, _COMPARE)))
    await rows.execute("ANALYZE")
    for setting in ("log_statement = 'all'", "log_parameter_max_length = 0"):  # so that they can be counted
        await rows.execute(f"ALTER ROLE {role('controller')} SET {setting}")


def _body(when: dict[str, object]) -> str:
    told_it = {"name": "Guard", "when": [when], "then": [{"action": "panic-sell"}]}
    return json.dumps(body_to_json(body_from_json(told_it)))


def _statements(log: Path) -> int:
    """Statements of the controller's role so far."""
    with log.open(errors="replace") as lines:
        return sum(1 for line in lines if "LOG:  execute " in line or "LOG:  statement: " in line)


async def _confirm(rows: Database) -> None:
    while True:
        await Assignments(rows).confirm(_POD)
        await asyncio.sleep(3)


async def _until(child: Child, word: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while word not in child.process.log.read_text():
            if not child.process.is_running:
                raise RuntimeError(child.process.last_words())
            await asyncio.sleep(0.1)


async def _consent(number: int, url: str, state: str) -> str:
    return shard.hopper_id(_FIRE[number])
