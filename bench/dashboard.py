"""All of a dashboard (bench/dashboard.graphql) of a hopper with 50,000 trades and two years of candles.

Warm and cold over HTTP, as it is deployed: warm is asked again and again, cold is the first question to an API that
has just become ready, the database being warm; other processes were asked the same before, but for a new document. What
it costs by the range that is shown, and by the history that is not, is measured in this process, warm and with nothing
kept, all in turns; both are drawn, too (``PLOT``). The trader (bench/trader.py) counts in another currency than his
hopper: every amount is converted at the rate of its hour.
"""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
from matplotlib.figure import Figure

from bench import api_process, place, trader
from bench.place import Place
from bench.recorded import Asking, asking
from bench.report import Row, at_most, median, percentile
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.storage import database
from cryptwire.storage.database import url_of, with_database
from cryptwire.storage.migrate import migrate

TRADES, DAYS = 50_000, 730
WARM, COLD, TRIES = 300, 20, 7
RANGES = (7, 30, 90, 180, 365, 730)
HISTORIES = (90, 180, 365, 730)
SHOWN = 30
"""Days that are shown of each history."""
PLOT = Path(__file__).parent / "out" / "dashboard-cost.png"
_TEXT = (Path(__file__).parent / "dashboard.graphql").read_text()


@dataclass(frozen=True, slots=True)
class _Trader:
    """Whose dashboard it is, and in which database."""

    url: str
    user: UserId
    hopper: HopperId

    async def showing(self, days: int) -> dict[str, Any]:
        """Variables of the dashboard: the last ``days`` days that have ended, and today."""
        async with database.connect(self.url, "bench", 1) as rows:
            since = await rows.value("SELECT (max(date) - $1::int)::text FROM daily_statistics", days - 1)
        return {"hopperIds": [self.hopper], "since": since}


@dataclass(frozen=True, slots=True)
class _Cost:
    """Median milliseconds: asked again, and with nothing kept but connections and statements."""

    warm: float
    anew: float


async def measure() -> list[Row]:
    """Milliseconds over HTTP, and how they grow."""
    async with place.opened() as there:
        await trader.tell_prices(there.servers.redis.url)
        whole = await _seeded(there, DAYS, there.servers.postgres.url)
        rows = [*await _warm(there, whole), *[await _cold(there, whole, days) for days in (DAYS, SHOWN)]]
        rows.append(await _cold(there, whole, DAYS, is_new=True))
        ranges = await _costs(there, [(whole, days) for days in RANGES])
        urls = {days: with_database(there.servers.postgres.url, f"days_{days}") for days in HISTORIES if days < DAYS}
        traders = [await _seeded(there, days, url) for days, url in urls.items()]
        histories = await _costs(there, [(one, SHOWN) for one in (*traders, whole)])
    _draw(ranges, histories)
    return [
        *rows,
        Row(f"dashboard: {_said(RANGES)} days of {DAYS}, warm", _told([one.warm for one in ranges])),
        Row("dashboard: the same with nothing kept", _told([one.anew for one in ranges])),
        Row(f"dashboard: {SHOWN} days of {_said(HISTORIES)}, warm", _told([one.warm for one in histories])),
        Row("dashboard: the same with nothing kept", _told([one.anew for one in histories])),
        at_most("dashboard: eight times the history, nothing kept", histories[-1].anew / histories[0].anew, 1.25, "×"),
    ]


async def _seeded(there: Place, days: int, url: str) -> _Trader:
    """A trader whose hopper began ``days`` ago, and traded as often as the others."""
    if url != there.servers.postgres.url:
        owner = await asyncpg.connect(there.servers.postgres.url)
        await owner.execute(f"CREATE DATABASE {url.rpartition('/')[2]}")
        await owner.close()
        await migrate(url)
    user, hopper = await trader.seed(url, TRADES * days // DAYS, days)
    return _Trader(url, user, hopper)


async def _warm(there: Place, whole: _Trader) -> list[Row]:
    token = await api_process.token_of(whole.url, whole.user)
    found = []
    async with api_process.running(there) as (child, port):
        for days in (DAYS, SHOWN):
            body = _body(await whole.showing(days))
            async with aiohttp.ClientSession(headers=_headers(token)) as http:
                for _ in range(5):
                    await _asked(http, port, body)
                before = child.usage()
                took = [await _asked(http, port, body) for _ in range(WARM)]
                after = child.usage()
            cpu = (after.cpu_seconds - before.cpu_seconds) / WARM * 1e3
            waited = (after.waited_seconds - before.waited_seconds) / WARM * 1e3
            note = f"; p50 {median(took):.3g} ms; CPU of the API {cpu:.3g} ms, waiting for a core {waited:.2g} ms"
            found.append(
                at_most(f"dashboard: {days} days, warm, p99 of {WARM}", percentile(took, 0.99), 150, "ms", note)
            )
    return found


async def _cold(there: Place, whole: _Trader, days: int, *, is_new: bool = False) -> Row:
    """``is_new``: no process was asked this document before; each has a comment of its own."""
    token, variables = await api_process.token_of(whole.url, whole.user), await whole.showing(days)
    took, cpu = [], []
    for number in range(COLD):
        body = _body(variables, f"# {number}" if is_new else "")
        async with api_process.running(there) as (child, port), aiohttp.ClientSession(headers=_headers(token)) as http:
            before = child.usage().cpu_seconds
            took.append(await _asked(http, port, body))
            cpu.append((child.usage().cpu_seconds - before) * 1e3)
    note = f"; p50 {median(took):.3g} ms; CPU of the API {median(cpu):.3g} ms"
    slowest = percentile(took, 0.99)
    if is_new:  # the first time that anybody asks it, not the first time that a process is asked
        return Row(
            f"dashboard: {days} days, cold, a document nobody asked before, p99 of {COLD}", f"{slowest:.3g} ms{note}"
        )
    return at_most(f"dashboard: {days} days, cold, p99 of {COLD}", slowest, 400, "ms", note)


async def _asked(http: aiohttp.ClientSession, port: int, body: bytes) -> float:
    """Milliseconds until all of the answer is there. Raises AssertionError for one with errors."""
    began = time.perf_counter()
    async with http.post(f"http://127.0.0.1:{port}/graphql", data=body) as answer:
        said = await answer.read()
    took = (time.perf_counter() - began) * 1e3
    if answer.status != 200 or b'"errors":' in said[-2_000:]:
        raise AssertionError(f"not answered: {said[-2_000:].decode(errors='replace')}")
    return took


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _body(variables: dict[str, Any], comment: str = "") -> bytes:
    return orjson.dumps({"query": _TEXT + comment, "variables": variables})


async def _costs(there: Place, shown: Sequence[tuple[_Trader, int]]) -> list[_Cost]:
    """Of each trader's dashboard of so many days."""
    async with AsyncExitStack() as stack:
        connected = []
        for one, days in shown:
            asks = await stack.enter_async_context(asking(url_of("api", one.url), there.servers.redis.url, one.user))
            connected.append((asks, await one.showing(days), list[float](), list[float]()))
            await _took(*connected[-1][:2])
        for _ in range(TRIES):
            for asks, variables, warm, anew in connected:
                warm.append(await _took(asks, variables))
                asks.forget()
                anew.append(await _took(asks, variables))
        return [_Cost(median(warm), median(anew)) for _, _, warm, anew in connected]


async def _took(asks: Asking, variables: dict[str, Any]) -> float:
    began = time.perf_counter()
    await asks.ask(_TEXT, variables)
    return (time.perf_counter() - began) * 1e3


def _said(days: Sequence[int]) -> str:
    return ", ".join(map(str, days))


def _told(costs: Sequence[float]) -> str:
    return ", ".join(f"{cost:.0f}" for cost in costs) + " ms"


def _draw(ranges: Sequence[_Cost], histories: Sequence[_Cost]) -> None:
    """Both series beside each other, on the same scale."""
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, days, costs, title in (
        (left, RANGES, ranges, f"by the range shown, of a history of {DAYS} days"),
        (right, HISTORIES, histories, f"by the history, {SHOWN} days of it shown"),
    ):
        axes.plot(days, [one.anew for one in costs], "o-", color="#b5482f", label="nothing kept")
        axes.plot(days, [one.warm for one in costs], "o-", color="#2f6db5", label="asked again")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("days")
        axes.set_xticks(days, [str(day) if day > min(RANGES) else "" for day in days], fontsize=8)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    left.set_ylabel("ms a dashboard, median")
    left.legend()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT)
