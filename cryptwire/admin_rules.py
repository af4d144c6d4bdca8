"""What `cryptwire admin rules …` does: with the database's owner, and as NATS's user ``operator``."""

from collections.abc import Sequence

from cryptwire.codec.control import ControlRequest, control_reply_from_wire, control_request_to_wire
from cryptwire.codec.rule_answers import Standing, standing_from_json
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.errors import CryptwireError, NotFound
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import database
from cryptwire.storage.rule_sets import RuleSets

_WITHIN = 6.0  # seconds


async def list_rule_sets(url: str, hopper: str) -> list[str]:
    """A line for each of a hopper's rule sets, the first first. Raises Unavailable."""
    async with database.connect(url, "admin", 1) as rows:
        found = await RuleSets(rows).of_anybody(HopperId(hopper))
    return [
        f"{each.mode.value:<6}  {each.id}  version {each.version}  since {each.changed_at:%Y-%m-%d %H:%M:%S}Z"
        f"  {each.body.name}"
        for each in found
    ] or [f"hopper {hopper} has no rule set"]


async def turn_off(url: str, hopper: str, rule_set: str, reason: str, by: str) -> list[str]:
    """Turn all of a hopper's rule sets off, or one; what to tell of it. Whoever watches them heeds it within seconds.

    Raises NotFound, Unavailable, and Invalid when somebody changes one at the same moment.
    """
    async with database.connect(url, "admin", 1) as rows:
        rule_sets = RuleSets(rows)
        chosen = _chosen(await rule_sets.of_anybody(HopperId(hopper)), hopper, rule_set)
        standing = [each for each in chosen if each.mode is not Mode.OFF]
        for each in standing:
            await rule_sets.set_mode(each, Mode.OFF, reason, by=f"admin:{by}")
    return [f"{each.id} is off, it was {each.mode.value}: {each.body.name}" for each in standing] or ["all were off"]


async def tell_state(url: str, nats_url: str, hopper: str, rule_set: str, by: str) -> list[str]:
    """How a hopper's rule sets stand by the controller that holds it, and upstream (R20).

    Raises NotFound, Unavailable.
    """
    async with database.connect(url, "admin", 1) as rows:
        chosen = _chosen(await RuleSets(rows).of_anybody(HopperId(hopper)), hopper, rule_set)
    async with messaging.connect(nats_url, "operator") as bus:
        return [line for each in chosen for line in await _told(bus, each, by)]


async def _told(bus: Bus, one: RuleSet, by: str) -> list[str]:
    head = f"{one.id}  {one.body.name}"
    if one.mode is Mode.OFF:
        return [f"{head}: off"]
    request = ControlRequest(one.hopper, one.user, f"admin:{by}", one.id)
    subject = LIVE.control(one.hopper, "controller", "state")
    try:
        answer = await bus.request(subject, control_request_to_wire(request), _WITHIN)
        standing = standing_from_json(control_reply_from_wire(answer))
    except CryptwireError as error:
        return [f"{head}: {one.mode.value}, and nobody tells how it stands ({error})"]
    return [f"{head}: {one.mode.value}", *_lines(standing)]


def _lines(standing: Standing) -> list[str]:
    rules, upstream = standing.rules, standing.upstream
    looked_at = "never" if rules.evaluated_at is None else f"{rules.evaluated_at:%Y-%m-%d %H:%M:%S}Z"
    lines = [
        f"  rules: {rules.phase}, epoch {rules.epoch}, {rules.verdict} ({rules.reason or 'no reason'}), looked at"
        f" {looked_at}",
        "  upstream: cannot be read"
        if upstream is None
        else f"  upstream: hopper {_on(upstream.is_enabled)}, buying {_on(upstream.is_buying)}, selling"
        f" {_on(upstream.is_selling)}, {upstream.positions} positions, read at {upstream.read_at:%Y-%m-%d %H:%M:%S}Z",
    ]
    return [*lines, *(f"  MISMATCH: {each}" for each in standing.mismatches)]


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"


def _chosen(found: Sequence[RuleSet], hopper: str, rule_set: str) -> list[RuleSet]:
    chosen = [each for each in found if each.id == RuleSetId(rule_set)] if rule_set else list(found)
    if not chosen:
        raise NotFound(f"hopper {hopper[:40]} has no rule set {rule_set[:40]}".rstrip())
    return chosen
