"""A window of the user's clock."""

from datetime import datetime, timedelta

from controller.logic.view import Reading, View
from controller.logic.words import listed
from cryptwire.domain.rule_set import TimeWindow

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def read(rule: TimeWindow, view: View) -> Reading:
    """Whether the user's clock shows a time of the window; what the clock skips or repeats, the window does, too."""
    local = view.now.astimezone(view.zone)
    is_true = contains(rule, local)

    def said() -> str:
        now = f"it is {local:%H:%M} on {_DAYS[local.weekday()]} in {view.zone.key}"
        return f"{now}, {'' if is_true else 'not '}within {words(rule)}"

    return Reading(is_true, said)


def contains(rule: TimeWindow, local: datetime) -> bool:
    """Whether ``local`` is within; the day is the one on which the window began."""
    clock, today = local.time(), local.weekday()
    yesterday = (local.date() - timedelta(days=1)).weekday()
    if rule.since < rule.until:
        return today in rule.weekdays and rule.since <= clock < rule.until
    return (today in rule.weekdays and clock >= rule.since) or (yesterday in rule.weekdays and clock < rule.until)


def words(rule: TimeWindow) -> str:
    """``22:00 to 06:00 on Monday and Friday``."""
    days = (
        "every day" if len(rule.weekdays) == len(_DAYS) else f"on {listed(_DAYS[day] for day in sorted(rule.weekdays))}"
    )
    return f"{rule.since:%H:%M} to {rule.until:%H:%M} {days}"
