"""Whether an intent may send something now, beside what upstream shows of the hopper (R9, R12, R19, R23)."""

from collections.abc import Collection
from dataclasses import dataclass

from controller.logic.moves import Standing
from cryptwire.domain.intent import Wish


@dataclass(frozen=True, slots=True)
class Quotas:
    """So many intents of a hopper act within an hour and a day, and so many panics of a user within a day (R19)."""

    of_hour: int = 6
    of_day: int = 20
    panics_of_day: int = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """As the database and the gateway tell them. ``is_paper`` and ``is_paper_upstream``: the same is expected.

    ``of_hour``, ``of_day``, ``panics_of_day``: intents before this one. ``link_problem``: empty for none.
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
    of_hour: int
    of_day: int
    panics_of_day: int
    switched_off: str
    link_problem: str


def judge(
    wish: Wish, fence: int, facts: Facts, plans: Collection[str], quotas: Quotas, *, is_panic: bool, is_first: bool
) -> Standing:
    """What keeps ``wish`` from being done under ``fence``, the first that there is.

    Quotas are looked at before the first request of an intent alone: what was begun is finished.
    """
    if facts.fence != fence or not facts.is_confirmed:
        return Standing(is_lost=True)
    if facts.switched_off:
        return Standing(obstacle=f"the kill switch is on: {facts.switched_off}")
    if facts.version is None:
        return Standing(obstacle="the rule set was deleted")
    if (facts.version, facts.mode_number) != (wish.version, wish.mode_number):
        return Standing(obstacle="the rule set was changed since it fired")
    if facts.is_leaving or facts.plan not in plans:
        return Standing(obstacle="the plan does not act any more")
    if facts.is_gone:
        return Standing(obstacle="the hopper is not linked any more")
    if facts.link_problem:
        return Standing(obstacle=facts.link_problem)
    if facts.is_paper != facts.is_paper_upstream:
        now = "paper" if facts.is_paper_upstream else "live"
        return Standing(obstacle=f"the hopper is {now} trading now, which is not what was known of it")
    if is_first and not wish.is_shadow:
        return _quota(facts, quotas, is_panic=is_panic)
    return Standing()


def _quota(facts: Facts, quotas: Quotas, *, is_panic: bool) -> Standing:
    if facts.of_hour >= quotas.of_hour:
        return Standing(obstacle=f"rules acted {facts.of_hour} times within an hour, which is the most")
    if facts.of_day >= quotas.of_day:
        return Standing(obstacle=f"rules acted {facts.of_day} times within a day, which is the most")
    if is_panic and facts.panics_of_day >= quotas.panics_of_day:
        return Standing(obstacle=f"rules of this account panicked {facts.panics_of_day} times within a day, the most")
    return Standing()
