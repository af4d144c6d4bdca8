"""``python -m bench [NAME …]``: measure, and print what was promised beside it."""

import argparse
import asyncio
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.report import Row

NAMES = (
    "tracker_ticks",
    "analyser",
    "boundary",
    "writer",
    "datafeed",
    "pairs",
    "stream",
    "webhook",
    "simulator",
    "replay",
    "past",
    "gateway",
    "permissions",
    "graphql",
    "dashboard",
    "midnight",
    "results",
    "indicators",
    "rules",
)
_LONGEST = 600.0  # seconds for one bench
OUT = Path(__file__).parent / "out" / "latest.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches named, all by default; 1 when one could not be measured. What is over its budget is only told."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args(arguments).names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(NAMES)}")
    head = report.machine()
    rows: list[Row] = []
    failed = False
    began = time.monotonic()
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        since = time.monotonic()
        try:
            rows += asyncio.run(_measured(name))
        except Exception as error:  # noqa: BLE001 - the others are measured all the same
            traceback.print_exc()
            rows.append(Row(name, f"could not be measured: {type(error).__name__}: {error}"[:120], "", is_ok=None))
            failed = True
        print(f"{name}: {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)
    text = "\n".join([*head, f"measured by `python -m bench {' '.join(names)}`", "", report.table(rows), ""])
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(text)
    print(f"\n{text}")
    print(f"{time.monotonic() - began:.0f} s; the same is in {OUT.relative_to(Path(__file__).parent.parent)}")
    return int(failed)


async def _measured(name: str) -> list[Row]:
    rows: list[Row] = await asyncio.wait_for(importlib.import_module(f"bench.{name}").measure(), _LONGEST)
    return rows


if __name__ == "__main__":
    sys.exit(main())
