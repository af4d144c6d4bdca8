"""Whether an intent may send something now, beside what upstream shows of the hopper (R9, R12, R19, R23)."""

from collections.abc import Collection
from dataclasses import dataclass

from controller.logic.moves import Standing
from cryptwire.domain.intent import Wish


@dataclass(frozen=True, slots=True)
class Facts:
    """As the database and the gateway tell them. ``is_paper`` and ``is_paper_upstream``: the same is expected.

    ``switched_off``, ``link_problem``, ``held_back`` (by R19): why, empty for none.
    """

    fence: int | None
    is_confirmed: bool
    version: int | None
    mode_number: int | None
    plan: str | None
    is_leaving: bool
    is_gone: bool
    is_paper: bool | None
    is_paper_upstream: bool
    switched_off: str
    link_problem: str
    held_back: str


def judge(wish: Wish, fence: int, facts: Facts, plans: Collection[str]) -> Standing:
    """What keeps ``wish`` from being done under ``fence``, the first that there is."""
    if facts.fence != fence or not facts.is_confirmed:
        return Standing(is_lost=True)
    if facts.switched_off:
        return Standing(obstacle=f"the kill switch is on: {facts.switched_off}")
    if facts.version is None:
        return Standing(obstacle="the rule set was deleted")
    if (facts.version, facts.mode_number) != (wish.version, wish.mode_number):
        return Standing(obstacle="the rule set was turned off, armed again or changed since it fired")
    if facts.is_leaving or facts.plan not in plans:
        return Standing(obstacle="the plan does not act any more")
    if facts.is_gone:
        return Standing(obstacle="the hopper is not linked any more")
    if facts.link_problem:
        return Standing(obstacle=facts.link_problem)
    if facts.is_paper != facts.is_paper_upstream:
        now = "paper" if facts.is_paper_upstream else "live"
        return Standing(obstacle=f"the hopper is {now} trading now, which is not what was known of it")
    return Standing(obstacle=facts.held_back)
