"""Who is signed in, and how he comes in and goes."""

from datetime import timedelta
from typing import Self

import strawberry

from api import logic
from api.ports import Person
from api.schema.context import Context, Info
from api.schema.rules import covered, field, mutation
from cryptwire.errors import Invalid, Unauthenticated
from cryptwire.storage.sessions import COOKIE

_MOST_PASSWORD = 1_000


@covered("view", "app")
@strawberry.type(description="Who is signed in.")
class User:
    id: strawberry.ID = strawberry.field(description="Ours, a UUID.")
    email: str = strawberry.field(description="The address to sign in with.")
    zone: str = strawberry.field(description="IANA time zone in which days begin and charts are drawn.")
    currency: str = strawberry.field(description="Currency in which all hoppers together are shown.")

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(id=strawberry.ID(person.id), email=person.email, zone=person.zone, currency=person.currency)


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
        "begin",
        "session",
        "Begin a session, kept in a cookie. INVALID unless both are right; UNAVAILABLE after many attempts.",
    )
    async def sign_in(self, info: Info, email: str, password: str) -> User:
        context, services = info.context, info.context.services
        context.must_be_ours()
        client = context.request.client
        email = email.strip()
        keys = [f"account {email.lower()[:254]}", f"address {client.host if client else 'unknown'}"]
        services.attempts.take(keys, services.clock.now())
        person = await services.people.by_email(email) if logic.could_be_email(email) else None
        is_right = await services.passwords.are_same(
            password[:_MOST_PASSWORD], None if person is None else person.password_hash
        )
        services.meters.count("api_sign_ins", "Attempts to sign in", is_right="yes" if is_right else "no")
        if person is None or not is_right or len(password) > _MOST_PASSWORD:
            raise Invalid("the e-mail address or the password is wrong")
        services.attempts.give_back(keys)
        lifetime = services.session_lifetime
        _set_cookie(context, await services.sessions.begin(person.id, lifetime), lifetime)
        return User.of(person)

    @mutation("end", "session", "End the session; false when there was none.")
    async def sign_out(self, info: Info) -> bool:
        context = info.context
        context.must_be_ours()
        try:
            caller = await context.caller()
        except Unauthenticated:
            return False
        await context.services.sessions.end(caller.session)
        _set_cookie(context, "", timedelta(0))
        return True


def _set_cookie(context: Context, secret: str, lifetime: timedelta) -> None:
    """Hand the secret of a session to the browser, or take it back with a lifetime of nothing."""
    assert context.response is not None, "only requests over HTTP sign in and out"
    context.response.set_cookie(
        COOKIE,
        secret,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=not context.services.is_development,
        httponly=True,
        samesite="lax",
    )
