"""Sessions: how somebody comes in and goes, and on which devices he is signed in."""

from datetime import datetime
from typing import Self

import strawberry

from api.logic import accounts as logic
from api.schema.context import Context, Info
from api.schema.people import User
from api.schema.rules import covered, field, mutation
from cryptwire.codec.access_token import ACCESS_COOKIE, LIVES, REFRESH_COOKIE
from cryptwire.errors import NotFound, Unauthenticated
from cryptwire.storage import session_book
from cryptwire.storage.session_book import Begun, Device
from cryptwire.storage.users import User as Person


@covered("view", "app")
@strawberry.type(description="Somebody has come in, or stays.")
class SignedIn:
    user: User = strawberry.field(description="Who.")
    expires_at: datetime = strawberry.field(description="When the access token expires: ask refreshSession before.")
    access_token: str | None = strawberry.field(
        description="To send as `Authorization: Bearer`; null when it went into a cookie."
    )
    refresh_token: str | None = strawberry.field(
        description="For refreshSession, good once; null when it went into a cookie."
    )


@covered("view", "security")
@strawberry.type(description="A device on which the user is signed in.")
class Session:
    id: strawberry.ID = strawberry.field(description="To end it by; no secret.")
    device: str = strawberry.field(description="What it is called, by itself or by its browser.")
    address: str = strawberry.field(description="The network address it was signed in from.")
    began_at: datetime = strawberry.field(description="When it was signed in.")
    seen_at: datetime = strawberry.field(description="When it was refreshed last, which an open app does by itself.")
    expires_at: datetime = strawberry.field(description="When it ends if it is not refreshed before.")
    is_this_one: bool = strawberry.field(description="True for the session that asks.")

    @classmethod
    def of(cls, session: session_book.Session, mine: bytes) -> Self:
        return cls(
            id=strawberry.ID(session.id.hex()),
            device=session.device.name or "unknown",
            address=session.device.address,
            began_at=session.began_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            is_this_one=session.id == mine,
        )


@strawberry.type
class SessionQuery:
    @field("view", "security", "The devices on which the user is signed in, the last seen first.")
    async def sessions(self, info: Info) -> list[Session]:
        caller = await info.context.caller()
        return [
            Session.of(one, caller.session) for one in await info.context.services.accounts.book.of_user(caller.user)
        ]


@strawberry.type
class SessionMutation:
    @mutation(
        "begin",
        "session",
        "Begin a session: in cookies, or with `asTokens` in the answer. INVALID unless address and password are right,"
        " CODE_NEEDED when a second factor is on and `code` is missing (a recovery code does, too), EXHAUSTED with the"
        " seconds to wait after many attempts.",
    )
    async def sign_in(
        self,
        info: Info,
        email: str,
        password: str,
        code: str | None = None,
        device: str | None = None,
        as_tokens: bool = False,
    ) -> SignedIn:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        on = device_of(context, device)
        person = await accounts.entrance.sign_in(email, password, code, on.address)
        begun = await accounts.book.begin(person.id, on, tell=person.email, proved=person.password_hash)
        await accounts.has_changed(person.id)
        context.services.arrivals.signed_in(person.id)
        return signed_in(context, begun, person, as_tokens=as_tokens)

    @mutation(
        "begin",
        "session",
        "Go on with a session: by the cookie, which is renewed, or by a refresh token, for which new ones come in the"
        " answer. A refresh token is good once; if one comes again, its session ends. UNAUTHENTICATED: sign in again.",
    )
    async def refresh_session(self, info: Info, refresh_token: str | None = None) -> SignedIn:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        token = context.request.cookies.get(REFRESH_COOKIE, "") if refresh_token is None else refresh_token
        begun = await accounts.book.refresh(token)
        person = await context.services.people.by_id(begun.user)
        return signed_in(context, begun, person, as_tokens=refresh_token is not None)

    @mutation("end", "session", "End the session; false when there was none.")
    async def sign_out(self, info: Info) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        _take_back(context)
        try:
            caller = await context.caller()
        except Unauthenticated:
            user = await accounts.book.end_by(context.request.cookies.get(REFRESH_COOKIE, ""), "signed out")
        else:
            has_ended = await accounts.book.end(caller.user, caller.session, "signed out")
            user = caller.user if has_ended else None
        if user is not None:
            await accounts.has_changed(user)
        return user is not None

    @mutation(
        "change",
        "security",
        "Give the password (and the code of a second factor) again, for what asks that it was given within ten"
        " minutes. INVALID, CODE_NEEDED, EXHAUSTED.",
    )
    async def confirm_password(self, info: Info, password: str, code: str | None = None) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        await accounts.entrance.prove(caller, password, code, context.address())
        await accounts.book.authenticated(caller.session)
        accounts.sessions.forget(caller.user)
        return True

    @mutation("change", "security", "End a session of the user's; NOT_FOUND when it is none that goes on.")
    async def end_session(self, info: Info, id: strawberry.ID) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        if not await accounts.book.end(caller.user, _session(id), "ended from another device"):
            raise NotFound("there is no such session")
        await accounts.has_changed(caller.user)
        return True

    @mutation("change", "security", "End all sessions but this one; how many.")
    async def end_other_sessions(self, info: Info) -> int:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        ended = await accounts.book.end_others(caller.user, caller.session, "ended from another device")
        await accounts.has_changed(caller.user)
        return ended


def device_of(context: Context, name: str | None) -> Device:
    """On what somebody asks; raises Invalid for a name that is none."""
    agent = logic.user_agent(context.request.headers.get("user-agent", ""))
    return Device(logic.device(name, agent), agent, context.address())


def signed_in(context: Context, begun: Begun, person: Person, *, as_tokens: bool) -> SignedIn:
    """Hand over what a session is shown and refreshed by: in the answer, or in the browser's cookies."""
    accounts = context.services.accounts
    token, expires_at = accounts.access_token(begun, person.plan)
    user = User.of(person)
    if as_tokens:
        return SignedIn(user=user, expires_at=expires_at, access_token=token, refresh_token=begun.refresh_token)
    lives = int((begun.expires_at - accounts.clock.now()).total_seconds())
    _set_cookie(context, ACCESS_COOKIE, token, int(LIVES.total_seconds()))
    _set_cookie(context, REFRESH_COOKIE, begun.refresh_token, max(1, lives))
    return SignedIn(user=user, expires_at=expires_at, access_token=None, refresh_token=None)


def _take_back(context: Context) -> None:
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        _set_cookie(context, name, "", 0)


def _set_cookie(context: Context, name: str, value: str, max_age: int) -> None:
    """The access token goes wherever the browser asks us; the refresh token to ``/graphql`` alone, from our pages."""
    assert context.response is not None, "only requests over HTTP sign in and out"
    is_refresh = name == REFRESH_COOKIE
    context.response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/graphql" if is_refresh else "/",
        secure=not context.services.is_development,
        httponly=True,
        samesite="strict" if is_refresh else "lax",
    )


def _session(id: str) -> bytes:
    try:
        return bytes.fromhex(id) if len(id) == 64 else b""
    except ValueError:
        return b""
