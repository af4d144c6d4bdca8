"""Who is signed in, what he may do, and how he likes to see things."""

from datetime import datetime
from enum import Enum
from typing import Any, Self

import strawberry

from api.logic import accounts as logic
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.domain import notice, preferences
from cryptwire.errors import Invalid, Unauthenticated
from cryptwire.permissions import Roles
from cryptwire.storage.users import User as Person


@strawberry.enum(description="What gains and losses are drawn in.")
class Colours(Enum):
    GREEN_RED = "green-red"
    RED_GREEN = "red-green"
    BLUE_ORANGE = "blue-orange"


@strawberry.enum(description="What a notice is about.")
class NoticeClass(Enum):
    ACTION = "action"
    FAILURE = "failure"
    DATA_PROBLEM = "data-problem"
    INFO = "info"


@covered("view", "app")
@strawberry.type(description="A rule of the policy, as a client evaluates it with the same model.")
class Permission:
    resource: str = strawberry.field(description="Of what; may hold * and :names (Casbin's keyMatch2).")
    action: str = strawberry.field(description="What is done; * is anything.")
    effect: str = strawberry.field(description="allow or deny; a denial wins.")


@covered("view", "app")
@strawberry.type(description="By what notices of one class go out; in the app they are shown in any case.")
class NoticePreference:
    about: NoticeClass = strawberry.field(description="The class.")
    by_mail: bool = strawberry.field(description="By e-mail.")
    by_webhook: bool = strawberry.field(description="By the user's own webhook.")


@covered("view", "app")
@strawberry.type(description="How a user likes to see things, and by what he is told.")
class Preferences:
    zone: str = strawberry.field(description="IANA time zone in which days begin and charts are drawn.")
    currency: str = strawberry.field(description="Currency in which all hoppers together are shown.")
    stablecoin_decimals: int = strawberry.field(description="Decimals of amounts in stablecoins and currencies.")
    other_decimals: int = strawberry.field(description="Decimals of amounts in other coins.")
    masks_amounts: bool = strawberry.field(description="True when amounts are hidden on the screen.")
    colours: Colours = strawberry.field(description="Colours of gains and losses.")
    notices: list[NoticePreference] = strawberry.field(description="One of each class.")

    @classmethod
    def of(cls, person: Person) -> Self:
        chosen = person.preferences
        return cls(
            zone=person.zone,
            currency=person.currency,
            stablecoin_decimals=chosen.stablecoin_decimals,
            other_decimals=chosen.other_decimals,
            masks_amounts=chosen.masks_amounts,
            colours=Colours(chosen.colours.value),
            notices=[
                NoticePreference(
                    about=about,
                    by_mail=chosen.channels(notice.NoticeClass(about.value)).by_mail,
                    by_webhook=chosen.channels(notice.NoticeClass(about.value)).by_webhook,
                )
                for about in NoticeClass
            ],
        )


@covered("view", "app")
@strawberry.type(description="Who is signed in.")
class User:
    id: strawberry.ID = strawberry.field(description="Ours, a UUID.")
    email: str = strawberry.field(description="The address to sign in with.")
    zone: str = strawberry.field(description="IANA time zone in which days begin and charts are drawn.")
    currency: str = strawberry.field(description="Currency in which all hoppers together are shown.")
    plan: str = strawberry.field(description="The plan of this moment: free, trial, pro or admin.")
    plan_ends_at: datetime | None = strawberry.field(description="When it ends; null when not by itself.")
    created_at: datetime = strawberry.field(description="Since when the account is there.")
    preferences: Preferences = strawberry.field(description="How he likes to see things.")

    @field("view", "app", "What he may do: rules for the client's own decisions. The server decides by itself.")
    async def permissions(self, info: Info) -> list[Permission]:
        try:
            scopes = (await info.context.caller()).scopes
        except Unauthenticated:
            scopes = None  # he has only just come in
        rules = info.context.services.permissions.of(Roles.of(self.plan, scopes))
        return [Permission(resource=resource, action=action, effect=effect) for resource, action, effect in rules]

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            id=strawberry.ID(person.id),
            email=person.email,
            zone=person.zone,
            currency=person.currency,
            plan=person.plan,
            plan_ends_at=person.plan_ends_at,
            created_at=person.created_at,
            preferences=Preferences.of(person),
        )


@strawberry.input(description="By what notices of one class shall go out.")
class NoticePreferenceInput:
    about: NoticeClass = strawberry.field(description="The class.")
    by_mail: bool = strawberry.field(description="By e-mail.")
    by_webhook: bool = strawberry.field(description="By the user's own webhook.")


@strawberry.input(description="What shall be otherwise; what is left out, or null, stays as it is.")
class PreferencesInput:
    zone: str | None = strawberry.field(default=None, description="IANA time zone, such as Europe/Berlin.")
    currency: str | None = strawberry.field(default=None, description="Three letters, such as EUR.")
    stablecoin_decimals: int | None = strawberry.field(default=None, description="0 to 12.")
    other_decimals: int | None = strawberry.field(default=None, description="0 to 12.")
    masks_amounts: bool | None = strawberry.field(default=None, description="Whether amounts are hidden.")
    colours: Colours | None = strawberry.field(default=None, description="Colours of gains and losses.")
    notices: list[NoticePreferenceInput] | None = strawberry.field(
        default=None, description="Classes that shall go out otherwise, each once."
    )

    def on(self, before: preferences.Preferences) -> preferences.Preferences:
        """``before`` with what is said here; raises Invalid."""
        notices = dict(before.notices)
        said = self.notices or []
        if len({one.about for one in said}) != len(said):
            raise Invalid("a class of notices is there twice")
        for one in said:
            notices[notice.NoticeClass(one.about.value)] = preferences.Channels(one.by_mail, one.by_webhook)

        def told(value: Any, kept: Any) -> Any:
            return kept if value is None else value

        colours = before.colours if self.colours is None else preferences.Colours(self.colours.value)
        return preferences.Preferences(
            told(self.stablecoin_decimals, before.stablecoin_decimals),
            told(self.other_decimals, before.other_decimals),
            told(self.masks_amounts, before.masks_amounts),
            colours,
            notices,
        )


@strawberry.type
class PeopleQuery:
    @field("view", "app", "Who is signed in; null for a stranger.")
    async def me(self, info: Info) -> User | None:
        try:
            caller = await info.context.caller()
        except Unauthenticated:
            return None
        return User.of(await info.context.services.people.by_id(caller.user))


@strawberry.type
class PeopleMutation:
    @mutation(
        "change",
        "preferences",
        "Change preferences. Another zone changes how history is drawn, and not what is stored. INVALID for an unknown"
        " zone or currency, or when actions or failures would reach the user by nothing.",
    )
    async def change_preferences(self, info: Info, input: PreferencesInput) -> Preferences:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        before = await context.services.people.by_id(caller.user)
        zone = None if input.zone is None else logic.zone(input.zone)
        currency = None if input.currency is None else logic.currency(input.currency)
        changed = input.on(before.preferences)
        person = await accounts.changes.change_preferences(caller.user, zone, currency, changed, before.preferences)
        await accounts.has_changed(caller.user)
        return Preferences.of(person)
