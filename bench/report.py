"""What was measured against what was promised, as one table."""

import asyncio
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import asyncpg

_LIBRARIES = ("numpy", "asyncpg", "redis", "nats-py", "protobuf", "grpcio", "uvloop")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; without a budget it is told for comparison."""

    what: str
    measured: str
    budget: str = ""
    is_ok: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: "", True: "ok", False: "over"}[self.is_ok]


def at_most(what: str, value: float, most: float, unit: str, note: str = "") -> Row:
    """A row whose value should not be above ``most``."""
    return Row(what, f"{_number(value)} {unit}{note}", f"≤ {_number(most)} {unit}", value <= most)


def at_least(what: str, value: float, least: float, unit: str, note: str = "") -> Row:
    """A row whose value should not be below ``least``."""
    return Row(what, f"{_number(value)} {unit}{note}", f"≥ {_number(least)} {unit}", value >= least)


def told(what: str, value: float, unit: str, note: str = "") -> Row:
    """A row without a budget."""
    return Row(what, f"{_number(value)} {unit}{note}")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that at least ``share`` of them do not exceed; infinite when there are none."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine() -> list[str]:
    """What it was measured on: cores, load, versions; one line each."""
    one, five, _ = os.getloadavg()
    model = ""
    with open("/proc/cpuinfo") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({model}), Linux {platform.release()}",
        f"load before the run {one:.2f} (1 minute), {five:.2f} (5 minutes): a busy neighbour makes every number worse",
        f"Python {platform.python_version()}, {libraries}",
    ]


async def server_versions(postgres_url: str) -> str:
    """The versions that PostgreSQL tells."""
    connection = await asyncio.wait_for(asyncpg.connect(postgres_url), 10)
    try:
        return f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
    finally:
        await connection.close()


def table(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown that reads well as plain text."""
    cells = [("what", "measured", "budget", "verdict")]
    cells += [(row.what, row.measured, row.budget, row.verdict) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)
