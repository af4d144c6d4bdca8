"""What goes wrong with webhooks on their way: rules that are used up, by the control port or a scenario."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

VERBS: Mapping[str, str] = {
    "drop": "it is never sent",
    "duplicate": "it is sent, and once more in a call of its own, `seconds` later",
    "delay": "it is sent `seconds` later",
    "reorder": "it is sent after the message that comes next",
    "wrong_signature": "it is sent in a call of its own whose signature is wrong",
    "garbage": "a call of its own is sent whose body is cut in half, signed as it is",
    "unnamed": "it does not say whose it is",
    "bare": "it holds no more than the coin, and whose it is",
}
_NAMES = frozenset({"hopper", "topic", "share", "seed", "seconds"})
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a hopper, as both forms tell it; ``event`` is None where the second has no word."""

    topic: str
    hopper: str
    message: dict[str, Any]
    event: dict[str, Any] | None = None

    def unnamed(self) -> "Told":
        """The same without whose it is."""
        data = {name: value for name, value in self.message["data"].items() if name != "hopper_id"}
        event = self.event
        if event is not None:
            payload = {name: value for name, value in event["payload"].items() if name != "hopper_id"}
            event = {**event, "payload": payload}
        return replace(self, message={**self.message, "data": data}, event=event)

    def bare(self) -> "Told":
        """The same with nothing but the coin, or the market, and whose it is."""
        data = {name: value for name, value in self.message["data"].items() if name in ("coin", "hopper_id")}
        event = self.event
        if event is not None:
            payload = {name: value for name, value in event["payload"].items() if name in ("market", "hopper_id")}
            event = {**event, "payload": payload}
        return replace(self, message={**self.message, "data": data}, event=event)


@dataclass(slots=True)
class Rule:
    """``verb`` for the next ``times`` messages that fit (None: for ever), or for a ``share`` of them, drawn by seed."""

    verb: str
    times: int | None
    hopper: str
    topic: str
    share: float
    seed: str
    seconds: float
    drawn: random.Random = field(repr=False)

    def fits(self, told: Told) -> bool:
        return self.hopper in ("", told.hopper) and self.topic in ("", told.topic)

    def shown(self) -> dict[str, object]:
        return {
            self.verb: self.times,
            "hopper": self.hopper,
            "topic": self.topic,
            "share": self.share,
            "seed": self.seed,
            "seconds": self.seconds,
        }


class Rules:
    """Rules in the order given; for each message the first that fits, and whose share comes up, is spent."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, given: object, where: str = "webhooks") -> None:
        """One rule or a list of them, as JSON has them. Raises ValueError naming what cannot be; then none is added."""
        listed = given if isinstance(given, list) else [given]
        self._rules += [_parsed(each, f"{where}[{number}]") for number, each in enumerate(listed)]

    def clear(self) -> None:
        self._rules.clear()

    def of(self, told: Told) -> Rule | None:
        for rule in self._rules:
            if not rule.fits(told) or (rule.share < 1 and rule.drawn.random() >= rule.share):
                continue
            if rule.times is not None:
                rule.times -= 1
                if not rule.times:
                    self._rules.remove(rule)
            return rule
        return None

    def shown(self) -> list[dict[str, object]]:
        return [rule.shown() for rule in self._rules]


def _parsed(given: object, where: str) -> Rule:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: must be an object")
    if unknown := set(given) - _NAMES - set(VERBS):
        raise ValueError(f"{where}: there is no {', '.join(sorted(map(repr, unknown)))}")
    verbs = [verb for verb in VERBS if verb in given]
    if len(verbs) != 1:
        raise ValueError(f"{where}: must hold one of {', '.join(VERBS)}")
    times = given[verbs[0]]
    if times is not None and (type(times) is not int or not 1 <= times <= _MOST):
        raise ValueError(f"{where}: {verbs[0]} must be a number of messages, or null for all")
    texts = {name: given.get(name, "") for name in ("hopper", "topic", "seed")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"{where}: {name} must be a text")
    share, seconds = given.get("share", 1.0), given.get("seconds", 1.0)
    if type(share) not in (int, float) or not 0 < share <= 1:
        raise ValueError(f"{where}: share must be above 0 and at most 1")
    if type(seconds) not in (int, float) or not 0 <= seconds <= 86_400:
        raise ValueError(f"{where}: seconds must lie between 0 and 86400")
    drawn = random.Random(texts["seed"] or "webhooks")
    return Rule(
        verbs[0], times, texts["hopper"], texts["topic"], float(share), texts["seed"], float(seconds), drawn
    )  # fmt: skip
