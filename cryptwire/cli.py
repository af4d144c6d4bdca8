"""`cryptwire …`: alone in here it knows the services."""

import argparse
import asyncio
import getpass
import importlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptwire import config, log, runtime
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Asset
from cryptwire.domain.plan import PLANS
from cryptwire.errors import CryptwireError, Invalid

SERVICES = {
    "gateway": "gateway",
    "streamer": "streamer",
    "tracker": "tracker",
    "analyser": "analyser",
    "controller": "controller",
    "writer": "candles.writer",
    "datafeed": "candles.datafeed",
    "api": "api",
    "webhook": "webhook",
    "processor": "processor",
    "edge": "devstack.edge",
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
    commands.add_parser("simulate", add_help=False, help="run the simulator of Cryptohopper and the exchanges alone")

    replay = commands.add_parser("replay", help="feed recorded candles through tracker, Redis, writer and database")
    replay.add_argument("folder", type=Path, metavar="DIR", help="files named like BTC-USDT.5m.csv.gz")
    replay.add_argument("--portfolio", type=Path, required=True, metavar="FILE", help='{"hopper": "1", "assets": {…}}')
    replay.add_argument("--base", required=True, metavar="CUR", help="currency in which the portfolio is valued")
    printed = replay.add_mutually_exclusive_group()
    printed.add_argument("--csv", action="store_true", help="print the candles on standard output")
    printed.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="a rule set as JSON: print what it would have decided, a line of JSON each; nothing is stored",
    )

    _add_admin(commands.add_parser("admin", help="what only an administrator may do"))

    asked, rest = parser.parse_known_args(arguments)
    if asked.command == "simulate":
        return _simulate(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
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
        case "replay":
            if asked.rules is not None:
                from replay.rules import replay_rules

                replay_rules(asked.folder, asked.portfolio, Asset(asked.base.upper()), asked.rules)
                return 0
            from devstack.replaying import replay_here

            return asyncio.run(replay_here(asked.folder, asked.portfolio, asked.base.upper(), print_csv=asked.csv))
        case "admin":
            return _admin(asked)
        case "up":
            from devstack.up import up

            return up(detach=asked.detach)
        case "down":
            from devstack.up import down

            return down()
        case _:
            from devstack.up import status

            return status()


def _add_admin(admin: argparse.ArgumentParser) -> None:
    subjects = admin.add_subparsers(dest="subject", required=True)
    switch = subjects.add_parser(
        "kill-switch",
        help="keep everything from acting: on one hopper, for one user or rule set, or at all",
        description="The database is the one at CRYPTWIRE_DATABASE_URL (its owner's), else that of the running stack.",
    )
    verbs = switch.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every switch that was ever set, those that are on first")
    for verb in ("on", "off"):
        turn = verbs.add_parser(verb, help=f"turn a switch {verb}; every gateway heeds it at once")
        turn.add_argument("--level", required=True, choices=("rule", "hopper", "user", "platform"))
        turn.add_argument("--id", default="", help="of the rule set, hopper or user; none for the platform")
        turn.add_argument("--reason", required=verb == "on", default="", help="told to whoever is kept from acting")
        turn.add_argument("--by", default="", help="who turns it (default: this login's name)")

    _add_rules(subjects)
    plan = subjects.add_parser("plan", help="what a user's account opens")
    given = plan.add_subparsers(dest="verb", required=True).add_parser("set", help="give a user a plan")
    given.add_argument("email", help="the address he signs in with")
    given.add_argument("plan", choices=PLANS)
    given.add_argument(
        "--until", default="", metavar="MOMENT", help="such as 2026-12-31T00:00:00+01:00 (default: for good)"
    )


def _add_rules(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verbs = subjects.add_parser("rules", help="rule sets of a hopper").add_subparsers(dest="verb", required=True)
    for verb, what in (
        ("list", "every rule set, and its mode"),
        ("state", "how each stands by the controller and upstream, over the NATS at CRYPTWIRE_OPERATOR_NATS_URL"),
        ("off", "turn all of them off, or one; a kill switch is quicker and holds until it is turned off"),
    ):
        each = verbs.add_parser(verb, help=what)
        each.add_argument("--hopper", required=True, help="its id at Cryptohopper")
        if verb != "list":
            each.add_argument("--rule-set", default="", help="one alone, by its id")
            each.add_argument("--by", default="", help="who asks (default: this login's name)")
        if verb == "off":
            each.add_argument("--reason", required=True, help="told to its user")
    for verb, what in (
        ("verify-audit", "whether what was decided and done for it is as it was written down"),
        ("export-audit", "all of that as JSON lines"),
    ):
        verbs.add_parser(verb, help=what).add_argument("--hopper", required=True, help="its id at Cryptohopper")


def _rules(asked: argparse.Namespace, url: str) -> list[str]:
    from cryptwire import admin_audit
    from cryptwire import admin_rules as rules
    from devstack.place import running_address

    if asked.verb == "list":
        return asyncio.run(rules.list_rule_sets(url, asked.hopper))
    if asked.verb == "verify-audit":
        return asyncio.run(admin_audit.verify_audit(url, asked.hopper))
    if asked.verb == "export-audit":
        asyncio.run(_export_audit(url, asked.hopper))
        return []
    by = asked.by or _login()
    if asked.verb == "off":
        return asyncio.run(rules.turn_off(url, asked.hopper, asked.rule_set, asked.reason, by))
    nats_url = config.environment().get("CRYPTWIRE_OPERATOR_NATS_URL") or running_address("nats_operator")
    if not nats_url:
        raise Invalid("CRYPTWIRE_OPERATOR_NATS_URL is not set (NATS, as its user operator), and no stack runs here")
    return asyncio.run(rules.tell_state(url, nats_url, asked.hopper, asked.rule_set, by))


async def _export_audit(url: str, hopper: str) -> None:
    from cryptwire.admin_audit import export_audit

    async for line in export_audit(url, hopper):
        print(line)


def _admin(asked: argparse.Namespace) -> int:
    from cryptwire import admin
    from cryptwire.storage.kill_switches import Level
    from devstack.place import running_servers

    url = config.environment().get("CRYPTWIRE_DATABASE_URL")
    if not url:
        running = running_servers()
        if running is None:
            raise Invalid(
                "CRYPTWIRE_DATABASE_URL is not set (the owner's address of the database), and no stack runs here"
            )
        url = running.database_url
    if asked.subject == "rules":
        lines = _rules(asked, url)
    elif asked.subject == "plan":
        lines = asyncio.run(admin.set_plan(url, asked.email, asked.plan, _moment(asked.until)))
    elif asked.verb == "list":
        lines = asyncio.run(admin.list_kill_switches(url))
    else:
        level, by = Level(asked.level), asked.by or _login()
        turned = admin.set_kill_switch(url, level, asked.id, is_on=asked.verb == "on", reason=asked.reason, by=by)
        lines = asyncio.run(turned)
    if lines:
        print("\n".join(lines))
    return 0


def _moment(text: str) -> datetime | None:
    """A moment of the future that somebody typed, UTC; None for an empty text. Raises Invalid."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is no moment; write one as 2026-12-31T00:00:00+01:00") from None
    if moment.tzinfo is None:
        raise Invalid(f"{text} has no offset; write it as {text}+00:00 if it is UTC")
    if moment <= SystemClock().now():
        raise Invalid(f"{text} has passed; a plan ends at once with: plan set <email> free")
    return moment.astimezone(UTC)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _simulate(arguments: list[str]) -> int:
    """Run the simulator, which shares no code with us: it reads its own options and ends the process itself."""
    import runpy

    sys.argv = ["cryptwire simulate", *arguments]
    runpy.run_module("simulator", run_name="__main__")
    return 0


def _run(service: str) -> int:
    package = SERVICES[service]
    settings_type = importlib.import_module(f"{package}.settings").Settings
    main_of = importlib.import_module(f"{package}.main").main
    settings = config.load(settings_type, service)
    return runtime.run(service, main_of, settings, health_port=settings.health_port)
