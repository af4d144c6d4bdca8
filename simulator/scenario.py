"""Scenario files: a whole run of the simulator in one JSON document."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulator import settings
from simulator.cryptohopper.oauth.clients import Client
from simulator.cryptohopper.oauth.clients import parsed as clients_parsed
from simulator.worlds import plan
from simulator.worlds.plan import Plan

_PARTS = ("says", "settings", "world", "faults", "effects", "webhooks", "clients")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a run begins with beside its settings; without a file it is the demo world, and nothing goes wrong.

    ``faults``, ``effects`` and ``webhooks`` are as the control port takes them; the parts that use them check them.
    """

    says: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    plan: Plan = field(default_factory=plan.demo)
    clients: tuple[Client, ...] = ()
    faults: Sequence[object] = ()
    effects: Sequence[object] = ()
    webhooks: Mapping[str, object] = field(default_factory=dict)
    told: Mapping[str, object] = field(default_factory=dict)  # the document itself


def read(file: Path) -> Scenario:
    """The scenario in a file. Raises ValueError that names the file and what is wrong in it."""
    try:
        return parsed(json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def parsed(document: object) -> Scenario:
    """The scenario of a document. Raises ValueError that names what is unknown or wrong."""
    if not isinstance(document, Mapping):
        raise ValueError("a scenario is an object")
    if unknown := set(document) - set(_PARTS):
        raise ValueError(f"there is no {', '.join(sorted(map(repr, unknown)))}; parts are {', '.join(_PARTS)}")
    for name in ("settings", "world", "webhooks"):
        if not isinstance(document.get(name, {}), Mapping):
            raise ValueError(f"{name}: must be an object")
    for name in ("faults", "effects"):
        if not isinstance(document.get(name, []), list):
            raise ValueError(f"{name}: must be a list")
    says = document.get("says", "")
    if not isinstance(says, str):
        raise ValueError("says: must be a text")
    return Scenario(
        says,
        settings.checked(document.get("settings", {})),
        plan.parsed(document["world"]) if "world" in document else plan.demo(),
        clients_parsed(document.get("clients", [])),
        document.get("faults", []),
        document.get("effects", []),
        document.get("webhooks", {}),
        document,
    )
