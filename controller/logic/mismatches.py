"""Where upstream is not as a rule set believes it to be, and when that is told (R20)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from controller.logic.requests import Seen
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.rule_set import SELLS, RuleSetBody


class Mismatch(Enum):
    """What is told once in an epoch, however its numbers change."""

    DISABLED = "hopper-off"
    POSITIONS = "positions"
    BASE = "base-currency"
    ERROR = "hopper-error"


def mismatches(body: RuleSetBody, seen: Seen, snapshot: Snapshot | None) -> dict[Mismatch, str]:
    """In words. ``snapshot``: what the rules were told last; None: nothing that could be compared."""
    found, hopper, positions = {}, seen.hopper, seen.positions or ()
    if not hopper.is_enabled and any(isinstance(action.deed, SELLS) for action in body.then):
        found[Mismatch.DISABLED] = "the hopper is disabled: nothing would be sold"
    if snapshot is not None and snapshot.positions != len(positions):
        told = snapshot.positions
        found[Mismatch.POSITIONS] = f"upstream shows {len(positions)} positions, the rule was told of {told}"
    if snapshot is not None and snapshot.base != hopper.hopper.base:
        base = hopper.hopper.base
        found[Mismatch.BASE] = f"upstream's base currency is {base}, the rule counts in {snapshot.base}"
    if hopper.error:
        found[Mismatch.ERROR] = "upstream reports an error of the hopper"
    return found


@dataclass(frozen=True, slots=True)
class Looks:
    """What looks of one epoch have come to: what the last one saw, what was told, what of that is over."""

    epoch: int = 0
    last: frozenset[Mismatch] = frozenset()
    told: frozenset[Mismatch] = frozenset()
    over: frozenset[Mismatch] = frozenset()

    @property
    def is_unsure(self) -> bool:
        """Whether the next look decides something."""
        return bool(self.last - self.told)


def looked(before: Looks, epoch: int, found: Mapping[Mismatch, str]) -> tuple[Looks, set[Mismatch], set[Mismatch]]:
    """After another look: what is an alarm now, and what goes together again.

    Two looks in a row must see it: upstream and figures are polled at different instants. Each is told once in an
    epoch, and once when it is over.
    """
    if before.epoch != epoch:
        before = Looks(epoch)
    now = frozenset(found)
    alarms = (now & before.last) - before.told
    over = before.told - before.over - now - before.last
    return Looks(epoch, now, before.told | alarms, before.over | over), set(alarms), set(over)
