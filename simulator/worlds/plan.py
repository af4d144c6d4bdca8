"""What a world begins with: its users and hoppers, what happens to them when, and how their market is quoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, cast

from simulator.clock import milliseconds
from simulator.market.listing import COINS, EXCHANGES, NUMERAIRE
from simulator.market.noise import key
from simulator.worlds.commands import KINDS, Command, Effect, Kind
from simulator.worlds.demo import HOPPERS, USERS, Hopper, User
from simulator.worlds.exchange import Quotes
from simulator.worlds.reading import made, mapping, only, rows, values

_PHASES = 60
_MOST = 100_000  # hoppers


@dataclass(frozen=True, slots=True)
class Planned:
    """A command that nobody has to give; its instant counts from the world's beginning when ``is_after``."""

    hopper: str  # "*" is all of them
    command: Command
    is_after: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a world is made of but its seed.

    ``quotes`` is by exchange and pair (``binance:BTC/USDT``), "*" for the rest.
    """

    users: tuple[User, ...]
    hoppers: tuple[Hopper, ...]
    commands: tuple[Planned, ...] = ()
    quotes: Mapping[str, Quotes] = field(default_factory=dict)

    def due(self, began_at: int) -> list[tuple[str, Command]]:
        """Planned commands with their hoppers and instants, oldest first.

        Raises ValueError for one before the beginning.
        """
        found = []
        for planned in self.commands:
            command = planned.command
            if planned.is_after:
                command = replace(command, at=began_at + command.at)
            if command.at < began_at:
                raise ValueError(f"a planned command lies before the world's beginning: {command}")
            named = [hopper.id for hopper in self.hoppers] if planned.hopper == "*" else [planned.hopper]
            found += [(hopper, command) for hopper in named]
        return sorted(found, key=lambda each: each[1].at)

    def quotes_of(self, exchange: str, pair: str) -> Quotes:
        return self.quotes.get(f"{exchange}:{pair}") or self.quotes.get("*") or Quotes()


def demo() -> Plan:
    """Four users, ten hoppers on two exchanges."""
    return Plan(USERS, HOPPERS)


def generated(users: int, hoppers_per_user: int, changes: Mapping[str, Any]) -> Plan:
    """Users ``user-1``, ``user-2``, … (password ``user-1-demo``) whose hoppers are like those of the demo.

    They differ in funds, in the instant at which they decide and in the dips at which they buy, so that not all of
    them act at once. ``changes`` are fields of Hopper that all share.
    """
    people: list[User] = []
    bots: list[Hopper] = []
    for number in range(users):
        user = User(str(100_001 + number), f"user-{number + 1}", f"user-{number + 1}-demo", f"User {number + 1}")
        people.append(user)
        for place in range(hoppers_per_user):
            count = len(bots)
            like = HOPPERS[count % len(HOPPERS)]
            luck = key("generated", count)
            own: dict[str, Any] = {
                "id": str(2_000_001 + count),
                "user": user.id,
                "name": f"{like.name} {place + 1}",
                "start": like.start * (50 + luck % 101) / 100,
                "lag_seconds": 0,
                "phase": luck // 101 % _PHASES / _PHASES,
                "dip": round(like.dip * (0.8 + luck // 6060 % 5 / 10), 6),
                "paper": False,
            }
            bots.append(replace(like, **{**own, **changes}))
    return Plan(tuple(people), tuple(bots))


def parsed(given: Mapping[str, object]) -> Plan:
    """The plan that the ``world`` part of a scenario describes. Raises ValueError that names what is wrong in it.

    ``users`` is a list of users or a number; ``hoppers`` a list of hoppers, or ``hoppers_per_user`` a number and
    ``like`` fields that all of them share. Without either, users and hoppers are the demo's. ``commands`` is a list,
    each with ``hopper``, ``kind``, ``after`` (seconds since the world began) or ``at`` (ISO 8601), and what else a
    Command has.
    ``quotes`` maps ``exchange:BASE/QUOTE`` or ``*`` to fields of Quotes.
    """
    only(given, "world", ("users", "hoppers", "hoppers_per_user", "like", "commands", "quotes"))
    plan = _people(given)
    ids = [hopper.id for hopper in plan.hoppers]
    for where, what, named in (
        ("users", "an id", [user.id for user in plan.users]),
        ("users", "a name", [user.name for user in plan.users]),
        ("hoppers", "an id", ids),
    ):
        if len(set(named)) != len(named):
            raise ValueError(f"world.{where}: {what} appears twice")
    known = {user.id for user in plan.users}
    for hopper in plan.hoppers:
        if hopper.user not in known:
            raise ValueError(f"world.hoppers: {hopper.id} belongs to an unknown user: {hopper.user}")
    commands = tuple(_planned(*row, {*ids, "*"}) for row in rows(given.get("commands", []), "world.commands"))
    quotes = {}
    for name, each in mapping(given.get("quotes", {}), "world.quotes").items():
        where = f"world.quotes.{name}"
        exchange, _, pair = name.partition(":")
        if name != "*" and pair not in {listed.name for listed in EXCHANGES.get(exchange, ())}:
            raise ValueError(f"{where}: no such pair")
        quotes[name] = made(Quotes, mapping(each, where), where)
    return replace(plan, commands=commands, quotes=quotes)


def hopper_of(given: Mapping[str, object], where: str = "hopper") -> Hopper:
    """A hopper from its fields; what is not given is like the demo's first.

    Raises ValueError that names what is wrong.
    """
    like = HOPPERS[0]
    defaults = {each.name: getattr(like, each.name) for each in fields(Hopper)}
    defaults.update(reserved=(), lag_seconds=0, sells_half=False)
    for name in ("id", "user"):
        if name not in given:
            raise ValueError(f"{where}: {name} is missing")
    read = {**defaults, **values(Hopper, given, where)}
    if "coins" not in given:
        read["coins"] = tuple(
            listed.base
            for listed in EXCHANGES.get(str(read["exchange"]), ())
            if listed.quote == read["base"] and not listed.is_quiet
        )
    return _checked(Hopper(**read), where)


def _people(given: Mapping[str, object]) -> Plan:
    users, hoppers = given.get("users"), given.get("hoppers")
    if isinstance(users, int):
        if hoppers is not None:
            raise ValueError("world: hoppers cannot be listed when users are generated")
        each, like = given.get("hoppers_per_user", 1), mapping(given.get("like", {}), "world.like")
        if isinstance(users, bool) or not isinstance(each, int) or not (min(users, each) > 0 and users * each <= _MOST):
            raise ValueError(f"world: users and hoppers_per_user are whole numbers, {_MOST} hoppers at most")
        if own := {"id", "user"} & like.keys():
            raise ValueError(f"world.like.{own.pop()}: each has its own")
        plan = generated(users, each, values(Hopper, like, "world.like"))
        for hopper in plan.hoppers[: len(HOPPERS)]:
            _checked(hopper, "world.like")
        return plan
    if "hoppers_per_user" in given or "like" in given:
        raise ValueError("world: hoppers_per_user and like go with a number of users")
    people = USERS if users is None else tuple(made(User, *row) for row in rows(users, "world.users"))
    if hoppers is None:
        ids = {user.id for user in people}
        return Plan(people, tuple(hopper for hopper in HOPPERS if hopper.user in ids))
    return Plan(people, tuple(hopper_of(*row) for row in rows(hoppers, "world.hoppers")))


def _planned(given: Mapping[str, object], where: str, hoppers: set[str]) -> Planned:
    only(given, where, ("hopper", "kind", "after", "at", "value", "amount", "delay", "share"))
    hopper, kind = str(given.get("hopper", "*")), str(given.get("kind"))
    if kind not in KINDS:
        raise ValueError(f"{where}.kind: no such command: {kind}")
    if hopper not in hoppers and kind != "create":
        raise ValueError(f"{where}.hopper: no such hopper: {hopper}")
    if ("after" in given) == ("at" in given):
        raise ValueError(f"{where}: either after or at")
    try:
        if "after" in given:
            at = round(float(str(given["after"])) * 1000)
        else:
            moment = datetime.fromisoformat(str(given["at"]))
            if moment.utcoffset() != timedelta(0):
                raise ValueError("it needs a zone, and that is UTC")
            at = milliseconds(moment)
        effect = Effect(round(float(str(given.get("delay", 0))) * 1000), float(str(given.get("share", 1.0))))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if at < 0 or at % 1000:
        raise ValueError(f"{where}: commands are given at whole seconds")
    text = str(given.get("value", "")), str(given.get("amount", ""))
    return Planned(hopper, Command(at, cast(Kind, kind), *text, effect), "after" in given)


def _checked(hopper: Hopper, where: str) -> Hopper:
    """The hopper itself, if the market has what it wants to trade."""
    listed = {each.name for each in EXCHANGES.get(hopper.exchange, ()) if not each.is_quiet}
    if not listed:
        raise ValueError(f"{where}.exchange: no such exchange: {hopper.exchange}")
    for coin in hopper.coins:
        if f"{coin}/{hopper.base}" not in listed:
            raise ValueError(f"{where}.coins: {hopper.exchange} has no lively pair {coin}/{hopper.base}")
    if not hopper.coins or len(set(hopper.coins)) != len(hopper.coins):
        raise ValueError(f"{where}.coins: some coins, each once")
    for coin, amount in hopper.reserved:
        if coin not in {*COINS, NUMERAIRE} or amount <= 0:
            raise ValueError(f"{where}.reserved: a coin of the market and an amount above 0: {coin}")
    if hopper.fee_coin and hopper.fee_coin not in COINS:
        raise ValueError(f"{where}.fee_coin: no such coin: {hopper.fee_coin}")
    if not hopper.id.isdecimal():
        raise ValueError(f"{where}.id: digits only: {hopper.id}")
    if hopper.start < 0 or not 0 < hopper.share <= 1 or min(hopper.snapshot_seconds, hopper.patience) < 1:
        raise ValueError(f"{where}: start, share, snapshot_seconds or patience cannot be used")
    if hopper.lag_seconds < 0 or not 0 <= hopper.phase < 1 or min(hopper.most_positions, hopper.most_per_coin) < 0:
        raise ValueError(f"{where}: lag_seconds, phase, most_positions or most_per_coin cannot be used")
    return hopper
