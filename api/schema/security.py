"""What guards an account besides its password: a second factor, recovery codes, and tokens for scripts."""

from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

import strawberry

from api.logic import accounts as logic
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from cryptwire.codec import second_factor
from cryptwire.errors import Invalid, NotFound
from cryptwire.storage import api_tokens


@covered("view", "security")
@strawberry.type(description="What guards the account.")
class Security:
    has_totp: bool = strawberry.field(description="True when signing in needs a code besides the password.")
    recovery_codes_left: int = strawberry.field(description="Recovery codes that were not used; 10 at first.")
    email_confirmed: bool = strawberry.field(description="True: there is no account without a confirmed address.")


@covered("view", "security")
@strawberry.type(description="A second factor that waits for its first code.")
class TotpSetup:
    secret: str = strawberry.field(description="To be typed into an authenticator app, in base32.")
    url: str = strawberry.field(description="The same as an otpauth:// address, for a QR code.")


@strawberry.enum(description="What a personal API token may: READ looks, WRITE changes and begins, too.")
class ApiScope(Enum):
    READ = "read"
    WRITE = "write"


@covered("view", "security")
@strawberry.type(description="A personal token for scripts.")
class ApiToken:
    id: strawberry.ID = strawberry.field(description="To end it by; no secret.")
    name: str = strawberry.field(description="What its owner calls it.")
    scopes: list[ApiScope] = strawberry.field(description="What it may; never what concerns security.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null: not by itself.")
    seen_at: datetime | None = strawberry.field(description="When it was used last, to the minute; null: never.")

    @classmethod
    def of(cls, token: api_tokens.ApiToken) -> Self:
        return cls(
            id=strawberry.ID(token.id),
            name=token.name,
            scopes=[ApiScope(scope) for scope in token.scopes],
            created_at=token.created_at,
            expires_at=token.expires_at,
            seen_at=token.seen_at,
        )


@covered("view", "security")
@strawberry.type(description="A new personal token, with the text that is shown this once.")
class CreatedApiToken:
    api_token: ApiToken = strawberry.field(description="The token.")
    token: str = strawberry.field(description="To send as `Authorization: Bearer`; it cannot be shown again.")


@strawberry.type
class SecurityQuery:
    @field("view", "security", "What guards the account.")
    async def security(self, info: Info) -> Security:
        caller = await info.context.caller()
        factors = info.context.services.accounts.factors
        totp = await factors.of(caller.user)
        return Security(
            has_totp=totp is not None and totp.is_confirmed,
            recovery_codes_left=await factors.codes_left(caller.user),
            email_confirmed=True,
        )

    @field("view", "security", "The user's personal tokens, the newest first.")
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        caller = await info.context.caller()
        return [ApiToken.of(one) for one in await info.context.services.accounts.api_tokens.of_user(caller.user)]


@strawberry.type
class SecurityMutation:
    @mutation("change", "security", "Set up a second factor; it counts when confirmTotp was given its first code.")
    async def begin_totp(self, info: Info, password: str) -> TotpSetup:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        person = await accounts.entrance.prove(
            await context.caller(), password, None, context.address(), wants_code=False
        )
        secret = await accounts.entrance.begin_totp(person)
        return TotpSetup(secret=secret, url=second_factor.address_of(secret, person.email))

    @mutation(
        "change",
        "security",
        "Turn the second factor on by its first code; the ten recovery codes, each good once, shown this once.",
    )
    async def confirm_totp(self, info: Info, code: str) -> list[str]:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        codes = await accounts.entrance.confirm_totp(caller, code, context.address())
        await accounts.has_changed(caller.user)
        return codes

    @mutation("change", "security", "Turn the second factor off.")
    async def end_totp(self, info: Info, password: str, code: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        person = await accounts.entrance.prove(await context.caller(), password, code, context.address())
        await accounts.factors.end(person.id, person.email)
        await accounts.has_changed(person.id)
        return True

    @mutation("change", "security", "Ten other recovery codes, shown this once; those before are worth nothing.")
    async def new_recovery_codes(self, info: Info, password: str, code: str) -> list[str]:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        person = await accounts.entrance.prove(await context.caller(), password, code, context.address())
        codes = await accounts.entrance.new_codes(person)
        await accounts.has_changed(person.id)
        return codes

    @mutation("change", "security", "A personal token for a script; INVALID without a scope or with a past end.")
    async def create_api_token(
        self, info: Info, name: str, scopes: list[ApiScope], password: str, expires_at: datetime | None = None
    ) -> CreatedApiToken:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        name = logic.name(name, "a token")
        if not scopes:
            raise Invalid("a token needs a scope: READ, WRITE, or both")
        if expires_at is not None and expires_at <= context.services.clock.now():
            raise Invalid("a token cannot have ended before it begins; expiresAt is in the future, or null")
        person = await accounts.entrance.prove(
            await context.caller(), password, None, context.address(), wants_code=False
        )
        token, text = await accounts.api_tokens.add(
            person.id, name, {scope.value for scope in scopes}, expires_at, person.password_hash
        )
        return CreatedApiToken(api_token=ApiToken.of(token), token=text)

    @mutation("change", "security", "End a personal token; NOT_FOUND when it is none of the user's that goes on.")
    async def end_api_token(self, info: Info, id: strawberry.ID) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        if not (_is_uuid(id) and await accounts.api_tokens.end(caller.user, id)):
            raise NotFound("there is no such token")
        await accounts.has_changed(caller.user)
        return True


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
