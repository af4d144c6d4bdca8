"""Plans: their columns of ``users``, and table ``billing_events``. The only module that knows these.

Whoever reads a plan reads ``plan_now(plan, plan_until)``: what has ended is free from that instant on, whether or not
somebody has written it down.
"""

from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.hopper import UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.plan import (
    ADMIN,
    FREE,
    PLANS,
    TRIAL,
    TRIAL_LASTS,
    WARNED_DAYS,
    BillingEvent,
    BillingKind,
    Heard,
    Held,
    PlanNow,
    after_billing,
    paid_for,
    warned_days,
)
from cryptwire.errors import Invalid, NotFound
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.notices import add_within

_OF = """
    SELECT plan_now(plan, plan_until) AS plan, plan_until, plan_by, trial_began_at FROM users
     WHERE user_id = $1::text::uuid
"""
_BEGIN_TRIAL = """
    UPDATE users SET plan = 'trial', plan_until = now() + $2::interval, plan_by = 'trial', trial_began_at = now()
     WHERE user_id = $1::text::uuid AND trial_began_at IS NULL AND plan_now(plan, plan_until) = 'free'
    RETURNING plan_until
"""
_SET = """
    UPDATE users SET plan = $2, plan_until = $3, plan_by = 'admin' WHERE lower(email) = lower($1)
    RETURNING user_id::text
"""
_LOCK = """
    SELECT plan, plan_until, plan_by, trial_began_at, now() FROM users
     WHERE user_id = $1::text::uuid AND deletion_asked_at IS NULL FOR NO KEY UPDATE
"""
_ADD_EVENT = """
    INSERT INTO billing_events (provider, event_id, user_id, subscription, kind, plan, at, until)
    VALUES ($1, $2, $3::text::uuid, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
"""
_EVENTS = """
    SELECT provider, event_id, user_id::text, subscription, kind, plan, at, until FROM billing_events
     WHERE user_id = $1::text::uuid
"""
_WRITE = "UPDATE users SET plan = $2, plan_until = $3, plan_by = $4 WHERE user_id = $1::text::uuid"
_ENDED = """
    WITH ended AS (
        SELECT user_id, plan, plan_until FROM users
         WHERE plan_until <= now() AND plan <> 'free'
         ORDER BY plan_until LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE users u SET plan = 'free', plan_until = NULL FROM ended WHERE u.user_id = ended.user_id
    RETURNING u.user_id::text, ended.plan, ended.plan_until
"""
_ENDING = """
    SELECT user_id::text, plan_until, now() FROM users
     WHERE plan = 'trial' AND plan_until > now() AND plan_until <= now() + $1::interval AND deletion_asked_at IS NULL
"""


class Plans:
    """Everybody's plan, by the database's clock. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: UserId) -> PlanNow:
        """Raises NotFound."""
        row = await self._database.row(_OF, user)
        if row is None:
            raise NotFound("there is no such user")
        is_free = row["plan"] == FREE
        return PlanNow(
            row["plan"],
            None if is_free else row["plan_until"],
            had_trial=row["trial_began_at"] is not None,
            is_paid=not is_free and row["plan_by"] == "billing",
        )

    async def begin_trial(self, user: UserId, lasts: timedelta = TRIAL_LASTS) -> datetime:
        """Begin the trial that everybody has once; until when. Raises Invalid when there is none to begin."""
        until: datetime | None = await self._database.value(_BEGIN_TRIAL, user, lasts)
        if until is not None:
            return until
        held = await self.of(user)
        if held.had_trial:
            raise Invalid("the trial can be had once, and you have had it")
        raise Invalid(f"the plan {held.plan} opens what a trial opens already")

    async def set(self, email: str, plan: str, until: datetime | None) -> UserId:
        """Give a plan by hand, ``until`` a moment or for good; to whom. Raises NotFound, Invalid.

        Needs the owner's connection.
        """
        if plan not in PLANS:
            raise Invalid(f"there is no plan {plan!r}; there are {', '.join(PLANS)}")
        if plan in (FREE, ADMIN) and until is not None:
            raise Invalid(f"the plan {plan} has no end")
        if plan == TRIAL and until is None:
            raise Invalid("a trial needs an end")
        user = await self._database.value(_SET, email, plan, until)
        if user is None:
            raise NotFound(f"no user has the address {email[:254]}")
        return UserId(user)

    async def heard(self, event: BillingEvent) -> Heard:
        """Keep a provider's event, and bring the user's plan to what all of his events amount to.

        Repeated and reordered events change nothing. A payment that failed is told to the user, once for each grace.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_LOCK, event.user)
            if row is None:
                return Heard.NOBODYS
            if await connection.execute(_ADD_EVENT, *_values(event)) == "INSERT 0 0":
                return Heard.REPEATED
            standing = paid_for([_event(each) for each in await connection.fetch(_EVENTS, event.user)])
            began = row["trial_began_at"]
            held = Held(row["plan"], row["plan_until"], row["plan_by"], began and began + TRIAL_LASTS)
            changed = after_billing(held, standing, row["now"])
            if changed is not None:
                await connection.execute(_WRITE, event.user, changed.plan, changed.until, changed.by)
                if standing is not None and standing.is_failing and standing.until > row["now"]:
                    await add_within(connection, _payment_failed(event.user, standing.until, row["now"]))
        return Heard.TAKEN

    async def write_ends(self, most: int = 500) -> list[UserId]:
        """Write down ``most`` of the plans that have ended, and tell each user once; whose they were."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_ENDED, most)
            for row in rows:
                kind = "trial-ended" if row["plan"] == TRIAL else "plan-ended"
                await _tell(connection, UserId(row["user_id"]), kind, row["plan_until"], row["plan_until"], {})
        return [UserId(row["user_id"]) for row in rows]

    async def warn(self) -> list[UserId]:
        """Tell whose trial ends soon, once for each distance; who was told now."""
        told: list[UserId] = []
        async with self._database.transaction() as connection:
            for row in await connection.fetch(_ENDING, timedelta(days=max(WARNED_DAYS))):
                user, until, now = UserId(row["user_id"]), row["plan_until"], row["now"]
                days = warned_days(until, now)
                if days is not None and await _tell(
                    connection, user, "trial-ends-soon", until, now, {"days": str(days)}, f"{days} "
                ):
                    told.append(user)
        return told


async def _tell(
    connection: Connection,
    user: UserId,
    kind: str,
    until: datetime,
    at: datetime,
    facts: dict[str, str],
    which: str = "",
) -> bool:
    told = facts | {"until": until.isoformat()}
    return await add_within(
        connection, Notice(user, NoticeClass.INFO, kind, f"{kind} {which}{until.isoformat()}", at, told)
    )


def _payment_failed(user: UserId, until: datetime, now: datetime) -> Notice:
    facts = {"until": until.isoformat()}
    return Notice(user, NoticeClass.FAILURE, "payment-failed", f"payment-failed {until.isoformat()}", now, facts)


def _values(event: BillingEvent) -> tuple[object, ...]:
    return (
        event.provider,
        event.id,
        event.user,
        event.subscription,
        event.kind.value,
        event.plan,
        event.at,
        event.until,
    )


def _event(row: asyncpg.Record) -> BillingEvent:
    return BillingEvent(
        row["provider"],
        row["event_id"],
        UserId(row["user_id"]),
        row["subscription"],
        BillingKind(row["kind"]),
        row["plan"],
        row["at"],
        row["until"],
    )
