"""Share links: public, expiring, revocable; what strangers see by them is masked and chosen here."""

from datetime import date, datetime
from enum import Enum
from typing import Self

import strawberry

from api.handlers.shares import Followed, Wanted
from api.schema.analytics import Analytics, Kind
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from api.schema.shared import SharedAnalytics
from cryptwire.domain import share
from cryptwire.domain.day_range import Dates, DayRange, Rolling
from cryptwire.errors import Invalid
from cryptwire.storage import share_links


@strawberry.enum(description="A group of figures that a link shows or not.")
class SharePart(Enum):
    PERFORMANCE = strawberry.enum_value("performance", description="Days, value, return, calendar.")
    RISK = strawberry.enum_value("risk", description="Ratios of daily returns, drawdowns.")
    BENCHMARKS = strawberry.enum_value("benchmarks", description="Beside a coin, and beside holding.")
    COINS = strawberry.enum_value("coins", description="What each coin has earned.")
    TRADES = strawberry.enum_value(
        "trades", description="Win rate and its like, the best and worst trades, holding times, fees, activity."
    )


RollingRange = strawberry.enum(
    Rolling,
    name="RollingRange",
    description="Days that move on and end today: so many, the month or year so far, or all since the hoppers began.",
)


@strawberry.input(description="Days that move on, or dates: exactly one of rolling and since.")
class DayRangeInput:
    rolling: RollingRange | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="A range that ends today."
    )
    since: date | None = strawberry.field(default=None, description="The first day.")
    until: date | None = strawberry.field(default=None, description="The last day; null: today, whichever that is.")

    def days(self) -> DayRange:
        """Raises Invalid."""
        if (self.rolling is None) is (self.since is None) or (self.until is not None and self.since is None):
            raise Invalid("say rolling, or since with or without until")
        return self.rolling if self.since is None else Dates(self.since, self.until)  # type: ignore[return-value]


@covered("view", "shares")
@strawberry.type(description="A link by which strangers see what was chosen.")
class ShareLink:
    id: strawberry.ID = strawberry.field(description="To revoke it by; no secret, and no part of the link.")
    title: str = strawberry.field(description="What stands above what it shows.")
    hopper_ids: list[strawberry.ID] = strawberry.field(description="The hoppers that it shows.")
    parts: list[SharePart] = strawberry.field(description="What it shows of them.")
    rolling: RollingRange | None = strawberry.field(  # type: ignore[valid-type]
        description="Over days that move on; null: over dates."
    )
    since: date | None = strawberry.field(description="Over dates from here.")
    until: date | None = strawberry.field(description="To here; null: to today.")
    currency: str | None = strawberry.field(description="In which amounts are told; null: the user's.")
    is_masked: bool = strawberry.field(description="True when amounts are not told.")
    shows_names: bool = strawberry.field(description="True when hoppers are named, and not numbered.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null: it was not.")
    views: int = strawberry.field(description="How often it was looked at, about: counted each minute, not each time.")
    viewed_at: datetime | None = strawberry.field(description="When last, about; null: never.")

    @classmethod
    def of(cls, link: share_links.ShareLink) -> Self:
        one = link.share
        dates = one.days if isinstance(one.days, Dates) else None
        return cls(
            id=strawberry.ID(link.id),
            title=one.title,
            hopper_ids=[strawberry.ID(each) for each in one.hoppers],
            parts=_parts(one),
            rolling=one.days if dates is None else None,
            since=None if dates is None else dates.since,
            until=None if dates is None else dates.until,
            currency=one.currency,
            is_masked=one.is_masked,
            shows_names=one.shows_names,
            created_at=link.created_at,
            expires_at=link.expires_at,
            revoked_at=link.revoked_at,
            views=link.views,
            viewed_at=link.viewed_at,
        )


@covered("view", "shares")
@strawberry.type(description="A new link, with its address, which is shown this once.")
class CreatedShareLink:
    link: ShareLink = strawberry.field(description="The link.")
    url: str = strawberry.field(description="Where it leads; it cannot be shown again.")


@covered("view", "shared")
@strawberry.type(description="A hopper as strangers see it.")
class SharedHopper:
    id: strawberry.ID = strawberry.field(description="Its number among those of the link.")
    name: str = strawberry.field(description='Its name where names were chosen, else "Hopper 1".')


@covered("view", "shared")
@strawberry.type(description="What a link shows.")
class Shared:
    title: str = strawberry.field(description="What stands above it.")
    parts: list[SharePart] = strawberry.field(description="What was chosen; everything else is null.")
    hoppers: list[SharedHopper] = strawberry.field(description="Whose figures these are together.")
    is_paper: bool = strawberry.field(description="True when they trade with play money.")
    since: date = strawberry.field(description="The first day, in the zone.")
    until: date = strawberry.field(description="The last day, it is among them.")
    zone: str = strawberry.field(description="In which days begin and end.")
    currency: str = strawberry.field(description="In which amounts are told.")
    is_masked: bool = strawberry.field(description="True when amounts are not told.")
    as_of: datetime = strawberry.field(description="When this was asked.")
    expires_at: datetime = strawberry.field(description="When the link ends by itself.")
    analytics: SharedAnalytics = strawberry.field(description="The figures.")

    @classmethod
    def of(cls, followed: Followed) -> Self:
        scope = followed.scope
        analytics = Analytics(scope=scope, reading=followed.reading)
        return cls(
            title=followed.link.share.title,
            parts=_parts(followed.link.share),
            hoppers=[
                SharedHopper(id=strawberry.ID(followed.numbers[one.hopper.id]), name=one.hopper.name)
                for one in scope.hoppers
            ],
            is_paper=scope.is_paper,
            since=scope.since,
            until=scope.until,
            zone=scope.zone,
            currency=scope.currency,
            is_masked=scope.is_masked,
            as_of=scope.now,
            expires_at=followed.link.expires_at,
            analytics=SharedAnalytics(analytics=analytics, followed=followed),
        )


def _parts(one: share.Share) -> list[SharePart]:
    return [each for each in SharePart if share.SharePart(each.value) in one.parts]


@strawberry.type
class ShareQuery:
    @field("view", "shares", "The user's links, those that go on first, the newest of them first; 100 at most.")
    async def share_links(self, info: Info) -> list[ShareLink]:
        caller = await info.context.caller()
        return [ShareLink.of(one) for one in await info.context.services.shares.of_user(caller.user)]

    @field(
        "view",
        "shared",
        "What a link shows, for everybody who has it. NOT_FOUND, always the same, for a link that never was, has ended,"
        " was revoked, or whose user has left; EXHAUSTED after many wrong ones.",
    )
    async def shared(self, info: Info, token: str) -> Shared:
        return Shared.of(await info.context.services.shares.follow(token, info.context.address()))


@strawberry.type
class ShareMutation:
    @mutation(
        "change",
        "shares",
        "A link by which everybody who has it sees these parts of these hoppers (without hopperIds: all of a kind that"
        " there are now) over these days, until expiresAt, a year at most. Amounts are told only with `masked: false`,"
        " which takes a signed-in person whose password was given within ten minutes (confirmPassword, else FORBIDDEN)."
        " NOT_FOUND for a hopper that is somebody else's.",
    )
    async def create_share_link(
        self,
        info: Info,
        title: str,
        parts: list[SharePart],
        days: DayRangeInput,
        expires_at: datetime,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        currency: str | None = None,
        masked: bool = True,
        shows_names: bool = False,
    ) -> CreatedShareLink:
        info.context.must_be_ours()
        caller = await info.context.caller()
        chosen = frozenset(share.SharePart(part.value) for part in parts)
        wanted = Wanted(title, hopper_ids, kind, chosen, days.days(), currency, masked, shows_names)  # type: ignore[arg-type]
        link, url = await info.context.services.shares.make(caller, wanted, expires_at)
        return CreatedShareLink(link=ShareLink.of(link), url=url)

    @mutation("change", "shares", "End a link, now and for good. NOT_FOUND when it is none of the user's that goes on.")
    async def revoke_share_link(self, info: Info, id: strawberry.ID) -> bool:
        info.context.must_be_ours()
        caller = await info.context.caller()
        await info.context.services.shares.revoke(caller.user, id)
        return True
