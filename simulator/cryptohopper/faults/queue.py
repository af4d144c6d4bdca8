"""Which request is met by which fault: rules that are used up, by the control port or a scenario."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.faults.kinds import ALIASES, GROUPS, KINDS, Kind, Options, kind_of, with_options
from simulator.cryptohopper.requests import noted

_QUIRK = "simulator.quirk"
_OPTIONS = frozenset(Options.__dataclass_fields__)
_NAMES = _OPTIONS | {
    "fault", "kind", "path", "method", "user", "hopper", "times", "skip", "chance", "share", "seed", "kinds",
    "after_effect",
}  # fmt: skip
_RANDOM = "random"
_DEFAULT_GROUPS = ["true", "broken"]

Answer = Callable[[], Awaitable[Response]]


@dataclass(slots=True)
class Rule:
    """One fault for the requests that fit: ``path`` is a part of theirs, the rest is equal or empty.

    The first ``skip`` pass unharmed; ``times`` None is forever; ``chance`` is drawn for each from ``seed``.
    """

    number: int
    name: str
    kinds: tuple[tuple[Kind, Options], ...]
    path: str
    method: str
    user: str
    hopper: str
    times: int | None
    skip: int
    chance: float
    seed: str
    after_effect: bool
    drawn: random.Random = field(repr=False)

    def fits(self, request: Request) -> bool:
        note = noted(request)
        return (
            self.path in request.url.path
            and self.method in ("", request.method)
            and self.user in ("", note.user)
            and self.hopper in ("", note.hopper)
        )

    def shown(self) -> dict[str, object]:
        return {
            "number": self.number,
            "fault": self.name,
            **({"kinds": [kind.name for kind, _ in self.kinds]} if self.name == _RANDOM else {}),
            "path": self.path,
            "method": self.method,
            "user": self.user,
            "hopper": self.hopper,
            "times": self.times,
            "skip": self.skip,
            "chance": self.chance,
            "after_effect": self.after_effect,
        }


class Faults:
    """Rules in the order given; the first that fits (and whose chance comes up) is spent.

    A request is met after it was admitted: token, scope and rate are looked at before. ``POST /control/faults`` takes
    a rule or a list of them, GET lists what is left, DELETE clears (``?number=`` one), ``GET /control/faults/kinds``
    explains each.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: list[Rule] = []
        self._count = 0

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/faults", self._list, methods=["GET"]),
            Route("/control/faults", self._add, methods=["POST"]),
            Route("/control/faults", self._clear, methods=["DELETE"]),
            Route("/control/faults/kinds", self._explain, methods=["GET"]),
        ]

    def add(self, entries: object) -> None:
        """Rules as JSON has them. Raises ValueError naming what cannot be; then none is added."""
        listed = entries if isinstance(entries, list) else [entries]
        rules = [self._parsed(entry, f"faults[{number}]") for number, entry in enumerate(listed)]
        self._rules += rules

    async def spoil(self, request: Request, answer: Answer) -> Response:
        """The answer, or what a rule makes of it."""
        found = self._found(request)
        if found is None:
            return await answer()
        kind, options, after_effect = found
        noted(request).fault = kind.name
        if kind.quirk:
            request.scope[_QUIRK] = kind.quirk
        response = await answer() if kind.changes or kind.quirk or after_effect else Response()
        return kind.make(options, response, milliseconds(self._clock.now())) if kind.make else response

    def _found(self, request: Request) -> tuple[Kind, Options, bool] | None:
        for rule in self._rules:
            if not rule.fits(request) or (rule.chance < 1 and rule.drawn.random() >= rule.chance):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
                if not rule.times:
                    self._rules.remove(rule)
            kind, options = rule.kinds[0] if len(rule.kinds) == 1 else rule.drawn.choice(rule.kinds)
            return kind, options, rule.after_effect or kind.after_effect
        return None

    def _parsed(self, entry: object, where: str) -> Rule:
        if not isinstance(entry, Mapping):
            raise ValueError(f"{where}: must be an object")
        if unknown := set(entry) - _NAMES:
            raise ValueError(f"{where}: there is no {', '.join(sorted(map(repr, unknown)))}")
        name = entry.get("fault", entry.get("kind"))
        if not isinstance(name, str) or (name != _RANDOM and kind_of(name) is None):
            raise ValueError(f"{where}: there is no fault {name!r}; known are {_RANDOM}, {', '.join(KINDS)}")
        is_random = name == _RANDOM
        times = entry.get("times", None if is_random else 1)
        skip, chance = entry.get("skip", 0), entry.get("chance", entry.get("share", 0.2 if is_random else 1.0))
        if times is not None and (type(times) is not int or not 1 <= times <= 1_000_000):
            raise ValueError(f"{where}: times must be a number from 1 to 1000000, or null for ever")
        if type(skip) is not int or skip < 0:
            raise ValueError(f"{where}: skip must be a number from 0")
        if type(chance) not in (int, float) or not 0 < chance <= 1:
            raise ValueError(f"{where}: chance (or share) must be above 0 and at most 1")
        texts = {key: entry.get(key, "") for key in ("method", "user", "hopper")}
        texts |= {"path": entry.get("path", "/v1/"), "seed": entry.get("seed", "faults")}
        for key, text in texts.items():
            if not isinstance(text, str):
                raise ValueError(f"{where}: {key} must be a text")
        if type(entry.get("after_effect", False)) is not bool:
            raise ValueError(f"{where}: after_effect must be true or false")
        told = {key: entry[key] for key in entry if key in _OPTIONS}
        named = entry.get("kinds", _DEFAULT_GROUPS) if is_random else [name]
        try:
            kinds = tuple((kind, with_options(kind, told)) for kind in _kinds(named))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        self._count += 1
        return Rule(
            self._count, ALIASES.get(name, name), kinds, texts["path"], texts["method"].upper(), texts["user"],
            texts["hopper"], times, skip, float(chance), texts["seed"], entry.get("after_effect", False),
            random.Random(texts["seed"]),
        )  # fmt: skip

    async def _list(self, _: Request) -> Response:
        return JSONResponse([rule.shown() for rule in self._rules])

    async def _add(self, request: Request) -> Response:
        try:
            self.add(orjson.loads(await request.body()))
        except ValueError as error:  # orjson's errors are such, too
            return JSONResponse({"error": str(error)}, 400)
        return await self._list(request)

    async def _clear(self, request: Request) -> Response:
        number = request.query_params.get("number")
        self._rules = [] if number is None else [rule for rule in self._rules if str(rule.number) != number]
        return await self._list(request)

    async def _explain(self, _: Request) -> Response:
        kinds = [{"fault": kind.name, "group": kind.group, "says": kind.says} for kind in KINDS.values()]
        return JSONResponse({"groups": GROUPS, "kinds": kinds, "aliases": ALIASES})


def quirk(request: Request) -> str:
    """What the answering function is to do otherwise; empty for nothing."""
    found: str = request.scope.get(_QUIRK, "")
    return found


def _kinds(named: object) -> list[Kind]:
    if not isinstance(named, list) or not named:
        raise ValueError("kinds must be a list of faults or groups")
    found: list[Kind] = []
    for name in named:
        of_group = [kind for kind in KINDS.values() if kind.group == name]
        kind = kind_of(str(name))
        if not of_group and kind is None:
            raise ValueError(f"there is no fault or group {name!r}")
        found += of_group or ([kind] if kind else [])
    return found
