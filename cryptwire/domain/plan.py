"""Plans: how they begin and end, and what a user has paid for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Invalid

FREE, TRIAL, PRO, ADMIN = PLANS = ("free", "trial", "pro", "admin")
TRIAL_LASTS = timedelta(days=14)
GRACE = timedelta(days=7)
"""So long a plan goes on after a payment failed."""
TOLD_WITHIN = timedelta(hours=6)
"""So much later than a paid span's end its renewal may be told."""
LONGEST_PAID = timedelta(days=1100)
WARNED_DAYS = (1, 3)
"""So many days before its end, nearest first, a user is told that his trial ends."""
_MOST_NAME = 200


class BillingKind(Enum):
    """What a payment provider tells of a contract."""

    PAID = "paid"  # began or renewed, until a moment
    CANCELLED = "cancelled"  # it runs out at the end of what is paid
    PAYMENT_FAILED = "payment-failed"
    ENDED = "ended"
    REFUNDED = "refunded"


# of the same instant the worse is the later
_ORDER = {kind: number for number, kind in enumerate(BillingKind)}


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """One event of a provider, under its own ``id``; ``at`` by its clock, ``until`` with PAID only.

    Raises Invalid when it contradicts itself.
    """

    provider: str
    id: str
    user: UserId
    subscription: str
    kind: BillingKind
    plan: str
    at: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name, text in (("id", self.id), ("subscription", self.subscription), ("provider", self.provider)):
            if not 0 < len(text) <= _MOST_NAME or not text.isprintable():
                raise Invalid(f"{name} is 1 to {_MOST_NAME} printable characters")
        if self.plan != PRO:
            raise Invalid(f"only the plan {PRO} is sold")
        if (self.kind is BillingKind.PAID) != (self.until is not None):
            raise Invalid(f"until comes with {BillingKind.PAID.value}, and with nothing else")
        if self.until is not None and not self.at - LONGEST_PAID <= self.until <= self.at + LONGEST_PAID:
            raise Invalid(f"until is more than {LONGEST_PAID.days} days from at")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a contract gives: ``plan`` until a moment, which may have passed. ``is_failing``: a payment has failed."""

    plan: str
    until: datetime
    is_failing: bool = False


def paid_for(events: Iterable[BillingEvent]) -> Standing | None:
    """What a user's events, in whatever order they came and however often, amount to; None: nothing was ever paid.

    Of several contracts the one that lasts longest.
    """
    contracts: dict[tuple[str, str], list[BillingEvent]] = {}
    for event in set(events):
        contracts.setdefault((event.provider, event.subscription), []).append(event)
    standings = [standing for each in contracts.values() if (standing := _contract(each)) is not None]
    return max(standings, key=lambda standing: (standing.until, standing.is_failing), default=None)


def _contract(events: list[BillingEvent]) -> Standing | None:
    paid_until: datetime | None = None
    failed_at: datetime | None = None
    over_at: datetime | None = None
    is_cancelled = False
    for event in sorted(events, key=lambda event: (event.at, _ORDER[event.kind], event.until or event.at, event.id)):
        match event.kind:
            case BillingKind.PAID:
                paid_until, failed_at, over_at, is_cancelled = event.until, None, None, False
            case BillingKind.CANCELLED:
                is_cancelled = True
            case BillingKind.PAYMENT_FAILED:
                failed_at = failed_at or event.at
            case _:
                over_at = over_at or event.at
    if paid_until is None:
        return None
    if over_at is not None:
        return Standing(PRO, min(over_at, paid_until))
    if is_cancelled:
        return Standing(PRO, paid_until)
    if failed_at is not None:
        return Standing(PRO, max(paid_until, failed_at) + GRACE, is_failing=True)
    return Standing(PRO, paid_until + TOLD_WITHIN)


@dataclass(frozen=True, slots=True)
class Held:
    """A user's plan as written down: until when (None: not by itself), who gave it (trial, billing, admin).

    ``trial_until``: when the trial that he began ends or would have ended.
    """

    plan: str
    until: datetime | None = None
    by: str | None = None
    trial_until: datetime | None = None


class Heard(Enum):
    """What became of a provider's event."""

    TAKEN = "taken"
    REPEATED = "repeated"
    NOBODYS = "nobody's"


@dataclass(frozen=True, slots=True)
class PlanNow:
    """A user's plan of this moment. ``until``: when it ends by itself; ``had_trial``: there will be no other."""

    plan: str
    until: datetime | None
    had_trial: bool
    is_paid: bool


def after_billing(held: Held, standing: Standing | None, now: datetime) -> Held | None:
    """What is written down once a provider has been heard; None: it stays as it is.

    Billing takes back what billing gave and nothing else: a trial goes on beneath it. What an administrator gave it
    replaces when it lasts longer. An end is a moment that has passed: the plan is free from then on, and whoever comes
    says so.
    """
    if standing is None:
        return None
    is_paid = standing.until > now
    paid = replace(held, plan=standing.plan, until=standing.until, by="billing")
    if held.by == "billing":
        if not is_paid and held.trial_until is not None and held.trial_until > now:
            return replace(held, plan=TRIAL, until=held.trial_until, by="trial")
        return None if paid == held or (held.plan == FREE and not is_paid) else paid
    lasts = held.plan in (FREE, TRIAL) or (held.until is not None and held.until < standing.until)
    return paid if is_paid and lasts and held.plan != ADMIN else None


def warned_days(until: datetime, now: datetime) -> int | None:
    """How many days before the end of a trial it is said now that it ends; None: not now."""
    if until <= now:
        return None
    return next((days for days in WARNED_DAYS if until - now <= timedelta(days=days)), None)
