"""The GraphQL schema: types, queries and mutations. ``api/schema.graphql`` is its text and is compared by a test."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urlsplit

import strawberry
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.scalar import ScalarDefinition

from api import logic
from api.handlers.live import Portfolios
from api.ports import Caller, Hoppers, Passwords, People, Person, Sessions
from cryptwire.clock import Clock
from cryptwire.domain import account, hopper, portfolio
from cryptwire.errors import Forbidden, Invalid, Unauthenticated
from cryptwire.metrics import Meters

COOKIE = "cw_session"
_MOST_PASSWORD = 1_000
_MOST_DEPTH = 8
_MOST_ALIASES = 15
_MOST_TOKENS = 1_000
_MOST_CACHED = 256


@dataclass(slots=True)
class Services:
    """What the fields work with."""

    sessions: Sessions
    people: People
    hoppers: Hoppers
    passwords: Passwords
    portfolios: Portfolios
    attempts: logic.Attempts
    clock: Clock
    meters: Meters
    session_lifetime: timedelta
    is_development: bool


@dataclass(slots=True)
class Context:
    """One request: what came, what goes back, and who asks."""

    services: Services
    request: Request
    response: Response
    _caller: Caller | None = field(default=None, init=False)

    async def caller(self) -> Caller:
        """Who asks; raises Unauthenticated."""
        if self._caller is None:
            self._caller = await self.services.sessions.who(self.request.cookies.get(COOKIE, ""))
        return self._caller

    def must_be_ours(self) -> None:
        """Raises Forbidden for a request that another site's page could have made with the user's cookie."""
        origin = self.request.headers.get("origin")
        is_own = origin is not None and urlsplit(origin).netloc.lower() == self.request.headers.get("host", "").lower()
        if not is_own and self.request.headers.get("x-cryptwire") != "1":
            raise Forbidden("changes need the header X-Cryptwire: 1, or an Origin of this host")

    def set_cookie(self, secret: str, lifetime: timedelta) -> None:
        """Hand the secret of a session to the browser, or take it back with a lifetime of nothing."""
        self.response.set_cookie(
            COOKIE,
            secret,
            max_age=int(lifetime.total_seconds()),
            path="/",
            secure=not self.services.is_development,
            httponly=True,
            samesite="lax",
        )


Info = strawberry.Info[Context, None]


def _decimal_text(number: Decimal) -> str:
    return format(number, "f")


def _decimal_from(text: Any) -> Decimal:
    number = Decimal(text) if isinstance(text, str) else None
    if number is None or not number.is_finite():
        raise GraphQLError("a Decimal is text, such as 0.5")
    return number


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment_from(text: Any) -> datetime:
    if not isinstance(text, str):
        raise GraphQLError("a DateTime is text in ISO 8601")
    return datetime.fromisoformat(text)


_SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number as text, e.g. "0.00012300".',
        serialize=_decimal_text,
        parse_value=_decimal_from,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Moment in UTC, ISO 8601.",
        serialize=_moment_text,
        parse_value=_moment_from,
    ),
}


@strawberry.type(description="Who is signed in.")
class User:
    id: strawberry.ID = strawberry.field(description="Ours, a UUID.")
    email: str = strawberry.field(description="The address to sign in with.")
    zone: str = strawberry.field(description="IANA time zone in which days begin and charts are drawn.")
    currency: str = strawberry.field(description="Currency in which all hoppers together are shown.")

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(id=strawberry.ID(person.id), email=person.email, zone=person.zone, currency=person.currency)


@strawberry.type(description="The balance of one asset.")
class Holding:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    quantity: Decimal = strawberry.field(description="The whole balance, open orders and positions included.")
    price: float | None = strawberry.field(description="Last price in the base currency; null when it has none.")
    value: float | None = strawberry.field(description="Quantity times price; null when it has no price.")

    @classmethod
    def of(cls, holding: portfolio.Holding) -> Self:
        return cls(asset=holding.asset, quantity=holding.quantity, price=holding.price, value=logic.value_of(holding))


@strawberry.type(description="An open position.")
class Position:
    id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    pair: str = strawberry.field(description='What was bought and what it was paid with, e.g. "ETH/USDT".')
    quantity: Decimal = strawberry.field(description="Units bought.")
    rate: Decimal = strawberry.field(description="Price paid for one unit.")
    cost: Decimal = strawberry.field(description="What all of it cost.")
    opened_at: datetime | None = strawberry.field(description="When it was bought; null when it is not told.")

    @classmethod
    def of(cls, position: account.Position) -> Self:
        return cls(
            id=strawberry.ID(position.id),
            pair=f"{position.base}/{position.quote}",
            quantity=position.quantity,
            rate=position.rate,
            cost=position.cost,
            opened_at=position.opened_at,
        )


@strawberry.type(description="A hopper's portfolio as it stands, at most ten minutes ago.")
class Portfolio:
    at: datetime = strawberry.field(description="When this was computed.")
    value: float = strawberry.field(description="What all of it is worth, in the base currency.")
    open: float = strawberry.field(description="What it was worth when the candle in progress opened.")
    prices_at: datetime | None = strawberry.field(description="When the exchange was last heard; null when never.")
    assets_at: datetime = strawberry.field(description="When balances and positions were read.")
    is_fresh: bool = strawberry.field(description="True while the exchange's feed lives and this is not old.")
    holdings: list[Holding] = strawberry.field(description="The balance, by asset.")
    positions: list[Position] = strawberry.field(description="Open positions.")
    unpriced: list[str] = strawberry.field(description="Assets that have no price and count nothing.")

    @classmethod
    def of(cls, live: portfolio.Portfolio, now: datetime) -> Self:
        return cls(
            at=live.at,
            value=live.candle.close,
            open=live.candle.open,
            prices_at=live.prices_at,
            assets_at=live.assets_at,
            is_fresh=logic.is_fresh(live, now),
            holdings=[Holding.of(holding) for holding in live.holdings],
            positions=[Position.of(position) for position in live.positions],
            unpriced=[holding.asset for holding in live.holdings if holding.price is None],
        )


@strawberry.type(description="One of the user's trading bots at Cryptohopper.")
class Hopper:
    id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    name: str = strawberry.field(description="The name given to it at Cryptohopper.")
    exchange: str = strawberry.field(description='The exchange it trades on, by ccxt\'s id, e.g. "binance".')
    base_currency: str = strawberry.field(description="The currency that everything of it is valued in.")
    is_paper: bool = strawberry.field(description="True when it trades with play money.")

    @strawberry.field(description="What it holds now; null when nothing was heard for ten minutes.")  # type: ignore[untyped-decorator]
    def portfolio(self, info: Info) -> Portfolio | None:
        services = info.context.services
        now = services.clock.now()
        live = services.portfolios.of(hopper.HopperId(self.id), now)
        return None if live is None else Portfolio.of(live, now)

    @classmethod
    def of(cls, one: hopper.Hopper) -> Self:
        return cls(
            id=strawberry.ID(one.id),
            name=one.name,
            exchange=one.exchange,
            base_currency=one.base,
            is_paper=one.is_paper,
        )


@strawberry.type(description="What can be read.")
class Query:
    @strawberry.field(description="Who is signed in; null for a stranger.")  # type: ignore[untyped-decorator]
    async def me(self, info: Info) -> User | None:
        try:
            caller = await info.context.caller()
        except Unauthenticated:
            return None
        return User.of(await info.context.services.people.by_id(caller.user))

    @strawberry.field(description="The user's hoppers, by name. Needs a session.")  # type: ignore[untyped-decorator]
    async def hoppers(self, info: Info) -> list[Hopper]:
        caller = await info.context.caller()
        return [Hopper.of(one) for one in await info.context.services.hoppers.of_user(caller.user)]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="One of the user's hoppers; NOT_FOUND also when it is somebody else's. Needs a session."
    )
    async def hopper(self, info: Info, id: strawberry.ID) -> Hopper:
        caller = await info.context.caller()
        return Hopper.of(await info.context.services.hoppers.of(caller.user, logic.hopper_id(id)))


@strawberry.type(description="What can be changed. Needs the header X-Cryptwire: 1, or an Origin of this host.")
class Mutation:
    @strawberry.mutation(  # type: ignore[untyped-decorator]
        description="Begin a session, kept in a cookie. INVALID unless both are right; UNAVAILABLE after many attempts."
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
        context.set_cookie(await services.sessions.begin(person.id, lifetime), lifetime)
        return User.of(person)

    @strawberry.mutation(description="End the session; false when there was none.")  # type: ignore[untyped-decorator]
    async def sign_out(self, info: Info) -> bool:
        context = info.context
        context.must_be_ours()
        try:
            caller = await context.caller()
        except Unauthenticated:
            return False
        await context.services.sessions.end(caller.session)
        context.set_cookie("", timedelta(0))
        return True


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Errors are logged where they are answered, once and without what the user sent."""


# made once: validation is remembered by document and rules, and rules made anew would never be found again
_RULES = [*QueryDepthLimiter(_MOST_DEPTH).validation_rules, *MaxAliasesLimiter(_MOST_ALIASES).validation_rules]

SCHEMA = _Schema(
    query=Query,
    mutation=Mutation,
    extensions=[
        lambda: MaxTokensLimiter(_MOST_TOKENS),
        lambda: AddValidationRules(_RULES),
        lambda: ParserCache(_MOST_CACHED),
        lambda: ValidationCache(_MOST_CACHED),
    ],
    config=StrawberryConfig(scalar_map=_SCALARS),
)
