"""What really becomes of commands: late, in part or not at all, as a rule says."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.worlds.commands import KINDS, NORMAL, Effect, Kind

_NAMES = {"command", "hopper", "delay_seconds", "share", "times", "chance", "seed"}


@dataclass(slots=True)
class _Rule:
    command: str
    hopper: str
    effect: Effect
    times: int | None
    chance: float
    drawn: random.Random

    def shown(self) -> dict[str, object]:
        return {
            "command": self.command,
            "hopper": self.hopper,
            "delay_seconds": self.effect.delay / 1000,
            "share": self.effect.share,
            "times": self.times,
            "chance": self.chance,
        }


class Effects:
    """Rules in the order given; the first that fits a command (``*`` fits all) is spent. The answer stays as it is.

    ``POST /control/effects {"command": "panic", "hopper"?, "delay_seconds"?, "share"?, "times"?, "chance"?, "seed"?}``
    or a list of such; GET lists what is left, DELETE clears.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/effects", self._list, methods=["GET"]),
            Route("/control/effects", self._add, methods=["POST"]),
            Route("/control/effects", self._clear, methods=["DELETE"]),
        ]

    def add(self, entries: object) -> None:
        """Rules as JSON has them. Raises ValueError naming what cannot be; then none is added."""
        listed = entries if isinstance(entries, list) else [entries]
        self._rules += [_parsed(entry, f"effects[{number}]") for number, entry in enumerate(listed)]

    def take(self, command: Kind, hopper: str) -> Effect:
        """What becomes of this command."""
        for rule in self._rules:
            if rule.command not in ("*", command) or rule.hopper not in ("", hopper):
                continue
            if rule.chance < 1 and rule.drawn.random() >= rule.chance:
                continue
            if rule.times is not None:
                rule.times -= 1
                if not rule.times:
                    self._rules.remove(rule)
            return rule.effect
        return NORMAL

    async def _list(self, _: Request) -> Response:
        return JSONResponse([rule.shown() for rule in self._rules])

    async def _add(self, request: Request) -> Response:
        try:
            self.add(orjson.loads(await request.body()))
        except ValueError as error:  # orjson's errors are such, too
            return JSONResponse({"error": str(error)}, 400)
        return await self._list(request)

    async def _clear(self, request: Request) -> Response:
        self._rules.clear()
        return await self._list(request)


def _parsed(entry: object, where: str) -> _Rule:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: must be an object")
    if unknown := set(entry) - _NAMES:
        raise ValueError(f"{where}: there is no {', '.join(sorted(map(repr, unknown)))}")
    command, hopper, seed = entry.get("command"), entry.get("hopper", ""), entry.get("seed", "effects")
    if command != "*" and command not in KINDS:
        raise ValueError(f"{where}: there is no command {command!r}; known are *, {', '.join(sorted(KINDS))}")
    if not isinstance(hopper, str) or not isinstance(seed, str):
        raise ValueError(f"{where}: hopper and seed must be texts")
    delay, share = entry.get("delay_seconds", 0), entry.get("share", 1.0)
    times, chance = entry.get("times", 1), entry.get("chance", 1.0)
    if type(delay) not in (int, float) or not 0 <= delay <= 86_400:
        raise ValueError(f"{where}: delay_seconds must lie between 0 and 86400")
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise ValueError(f"{where}: share must lie between 0 and 1")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError(f"{where}: times must be a number from 1, or null for ever")
    if type(chance) not in (int, float) or not 0 < chance <= 1:
        raise ValueError(f"{where}: chance must be above 0 and at most 1")
    effect = Effect(round(delay * 1000), float(share))
    return _Rule(str(command), hopper, effect, times, float(chance), random.Random(seed))
