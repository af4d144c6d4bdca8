"""`cryptwire …`: alone in here it knows the services."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptwire import config, log, runtime
from cryptwire.errors import CryptwireError, Invalid

SERVICES = {
    "gateway": "gateway",
    "streamer": "streamer",
    "tracker": "tracker",
    "writer": "candles.writer",
    "datafeed": "candles.datafeed",
    "api": "api",
    "webhook": "webhook",
    "processor": "processor",
    "edge": "devstack.edge",
    "history": "replay.history",
}
"""What `cryptwire run` knows, and the package each lives in."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit code (2: the input makes no sense)."""
    parser = argparse.ArgumentParser(prog="cryptwire", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run one service until SIGTERM; settings come from CRYPTWIRE_<SERVICE>_…")
    run.add_argument("service", choices=sorted(SERVICES))

    up = commands.add_parser("up", help="start the whole system on this machine")
    up.add_argument("--detach", action="store_true", help="return when all is ready")
    commands.add_parser("down", help="stop what `up --detach` started")
    commands.add_parser("status", help="what runs, and how it is")
    commands.add_parser("migrate", help="bring the database at CRYPTWIRE_DATABASE_URL up to date")
    commands.add_parser("simulate", help="run the simulator of Cryptohopper and the exchanges alone")

    replay = commands.add_parser("replay", help="feed recorded candles through tracker, Redis, writer and database")
    replay.add_argument("folder", type=Path, metavar="DIR", help="files named like BTC-USDT.5m.csv.gz")
    replay.add_argument("--portfolio", type=Path, required=True, metavar="FILE", help='{"hopper": "1", "assets": {…}}')
    replay.add_argument("--base", required=True, metavar="CUR", help="currency in which the portfolio is valued")
    replay.add_argument("--csv", action="store_true", help="print the candles on standard output")

    asked = parser.parse_args(arguments)
    log.setup("cryptwire", "WARNING")
    try:
        return _obey(asked)
    except Invalid as error:
        print(f"cryptwire: {error}", file=sys.stderr)
        return 2
    except CryptwireError as error:
        print(f"cryptwire: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _obey(asked: argparse.Namespace) -> int:
    match asked.command:
        case "run":
            return _run(asked.service)
        case "migrate":
            from cryptwire.storage.migrate import migrate

            url = config.environment().get("CRYPTWIRE_DATABASE_URL")
            if not url:
                raise Invalid("CRYPTWIRE_DATABASE_URL is not set: the owner's address of the database")
            applied = asyncio.run(migrate(url, lambda name: print(f"applied {name}")))
            print("nothing to apply" if not applied else f"{len(applied)} steps applied")
            return 0
        case "simulate":
            import runpy

            runpy.run_module("simulator", run_name="__main__")
            return 0
        case "replay":
            from devstack.replaying import replay_here

            return asyncio.run(replay_here(asked.folder, asked.portfolio, asked.base.upper(), print_csv=asked.csv))
        case "up":
            from devstack.up import up

            return up(detach=asked.detach)
        case "down":
            from devstack.up import down

            return down()
        case _:
            from devstack.up import status

            return status()


def _run(service: str) -> int:
    package = SERVICES[service]
    settings_type = importlib.import_module(f"{package}.settings").Settings
    main_of = importlib.import_module(f"{package}.main").main
    settings = config.load(settings_type, service)
    return runtime.run(service, main_of, settings, health_port=settings.health_port)
