"""Who may make which call, and with which right an action: ``policy.toml``, read once at the start."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Any

from cryptwire.errors import Forbidden, Invalid
from generated.wire.v1 import gateway_pb2 as pb

SERVICES = frozenset(
    {
        "analyser",
        "api",
        "cluster_manager",
        "controller",
        "datafeed",
        "devstack",
        "processor",
        "streamer",
        "tracker",
        "webhook",
        "writer",
    }
)
"""Those that can hold a certificate as callers."""
_METHODS = pb.DESCRIPTOR.services_by_name["Gateway"].methods
ACTIONS = frozenset(method.name for method in _METHODS if method.output_type is pb.ActionResponse.DESCRIPTOR)
CALLS = frozenset(method.name for method in _METHODS) - ACTIONS


class Right(Enum):
    """What an action must come with."""

    FENCE = "fence"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Policy:
    """Services by call, and by action with the right they act with; what is not named may not."""

    calls: Mapping[str, frozenset[str]]
    actions: Mapping[str, Mapping[str, Right]]

    def must_call(self, service: str, call: str) -> None:
        """Raises Forbidden unless ``service`` may make ``call``."""
        if service not in self.calls.get(call, ()) and service not in self.actions.get(call, ()):
            raise Forbidden(f"{service[:40] or 'nobody'} may not call {call}")

    def right(self, service: str, call: str) -> Right:
        """With which right ``service`` takes an action; raises Forbidden when it may not."""
        self.must_call(service, call)
        return self.actions[call][service]


def load() -> Policy:
    """The policy that goes with this gateway; raises Invalid naming what is wrong with it."""
    return parsed(files("gateway").joinpath("policy.toml").read_text("utf-8"))


def parsed(text: str) -> Policy:
    """A policy from TOML; raises Invalid naming what is wrong: every call is named, and nothing else."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the policy is no TOML: {error}") from None
    _same("table", tables, {"calls", "actions"})
    calls, actions = _table("calls", tables["calls"]), _table("actions", tables["actions"])
    _same("call", calls, CALLS)
    _same("action", actions, ACTIONS)
    return Policy(
        {call: _services(call, named) for call, named in calls.items()},
        {call: _rights(call, named) for call, named in actions.items()},
    )


def _same(what: str, named: Mapping[str, Any], wanted: frozenset[str] | set[str]) -> None:
    for name in sorted(wanted - named.keys()):
        raise Invalid(f"the policy says nothing of the {what} {name}")
    for name in sorted(named.keys() - wanted):
        raise Invalid(f"the policy names the {what} {name!r}, which is none")


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{name} of the policy should be a table")
    return value


def _services(call: str, named: Any) -> frozenset[str]:
    if not isinstance(named, list) or not all(isinstance(service, str) for service in named):
        raise Invalid(f"the policy of {call} should be a list of services")
    for service in named:
        _must_be_known(call, service)
    if len(set(named)) != len(named):
        raise Invalid(f"the policy of {call} names a service twice")
    return frozenset(named)


def _rights(call: str, named: Any) -> dict[str, Right]:
    rights: dict[str, Right] = {}
    for service, word in _table(call, named).items():
        _must_be_known(call, service)
        try:
            rights[service] = Right(word)
        except ValueError:
            raise Invalid(f"the policy lets {service} call {call} with {word!r}, which is no right") from None
    return rights


def _must_be_known(call: str, service: str) -> None:
    if service not in SERVICES:
        raise Invalid(f"the policy of {call} names {service!r}, which is no service")
