"""One request: what came, what goes back, who asks, and with what it is answered."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

import strawberry
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.handlers.accounts import Accounts
from api.handlers.analytics.reading import Sources
from api.handlers.arrivals import Arrivals
from api.handlers.changes import Changes
from api.handlers.controls import Acts
from api.handlers.dashboards import Dashboards
from api.handlers.history import History
from api.handlers.linking import Linking
from api.handlers.live import Portfolios
from api.handlers.prices import Prices
from api.handlers.rule_history import RuleHistory
from api.handlers.rule_sets import RuleSets
from api.handlers.shares import Shares
from api.handlers.targets import Targets
from api.handlers.told import Told
from api.handlers.trade_news import TradeNews
from api.logic import accounts as logic
from api.ports import Caller, Checkout, Hoppers, Plans, Sessions, Spending
from api.schema.cost import Limits
from cryptwire.clock import Clock
from cryptwire.codec.access_token import bearer_of, presented
from cryptwire.errors import Forbidden, Unauthenticated
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, Permissions, Roles, roles_of
from cryptwire.storage.users import Users


@dataclass(slots=True)
class Services:
    """What the fields work with."""

    sessions: Sessions
    people: Users
    hoppers: Hoppers
    accounts: Accounts
    portfolios: Portfolios
    changes: Changes
    limits: Limits
    spending: Spending
    request_time: timedelta
    permissions: Permissions
    clock: Clock
    meters: Meters
    is_development: bool
    plans: Plans
    checkout: Checkout | None
    linking: Linking
    arrivals: Arrivals
    history: History
    told: Told
    rule_sets: RuleSets
    rule_history: RuleHistory
    acts: Acts
    analytics: Sources
    dashboards: Dashboards
    trade_news: TradeNews
    shares: Shares
    prices: Prices
    targets: Targets


@dataclass(slots=True)
class Context:
    """One operation. ``response`` takes cookies; a socket has none to give.

    ``cost`` in points, what is left of them this minute, and whether it is a mutation are known once it is validated;
    ``needed`` is what it was allowed to, for who must know whether it still is.
    """

    services: Services
    request: HTTPConnection
    response: Response | None = None
    cost: int | None = field(default=None, init=False)
    points_left: int | None = field(default=None, init=False)
    is_change: bool = field(default=False, init=False)
    needed: set[Needs] = field(default_factory=set, init=False)
    _caller: Caller | None = field(default=None, init=False)
    _masks: asyncio.Future[bool] | None = field(default=None, init=False)

    @property
    def limits(self) -> Limits:
        return self.services.limits

    async def spend(self, cost: int, *, is_change: bool) -> None:
        """Pay for this operation, of the user's points or a stranger's address's; raises Exhausted."""
        self.cost, self.is_change = cost, is_change
        try:
            key = f"user {(await self.caller()).user}"
        except Unauthenticated:
            key = f"address {logic.network(self.address())}"
        self.points_left = self.services.spending.spend(key, cost)

    @property
    def is_of_somebody(self) -> bool:
        """Whether it is known already that who asks is signed in."""
        return self._caller is not None

    def asked_by(self, caller: Caller) -> Self:
        """The same, asked by somebody who is known already: the one whose socket it is."""
        self._caller = caller
        return self

    async def caller(self) -> Caller:
        """Who asks; raises Unauthenticated."""
        if self._caller is None:
            self._caller = await self.services.sessions.who(presented(self.request.headers, self.request.cookies))
        return self._caller

    async def is_masked(self, wanted: bool | None, *, again: bool = False) -> bool:
        """Whether amounts are not told: as was asked for, else as the caller's preferences say.

        These are read once an operation, for all of its fields together, or ``again``.
        """
        if wanted is not None:
            return wanted
        if self._masks is None or again:
            self._masks = asyncio.ensure_future(self._masks_amounts())
        return await self._masks

    async def _masks_amounts(self) -> bool:
        person = await self.services.people.by_id((await self.caller()).user)
        return person.preferences.masks_amounts

    async def roles(self) -> Roles:
        """In what roles he asks; a stranger's when nobody is signed in."""
        try:
            caller = await self.caller()
        except Unauthenticated:
            return Roles()
        return roles_of(caller)

    async def can(self, action: str, resource: str) -> bool:
        """Whether who asks may; for what a field gives, beyond whether it may be asked at all."""
        return self.services.permissions.can(await self.roles(), Needs(action, resource))

    async def must(self, action: str, resource: str) -> None:
        """Raises Unauthenticated for a stranger, Forbidden for anybody else who may not."""
        self.needed.add(Needs(action, resource))
        if not await self.can(action, resource):
            await self.caller()
            raise Forbidden(f"this plan or token does not allow to {action} {resource}")

    def address(self) -> str:
        """Whence this comes, as far as it can be known behind proxies."""
        client = self.request.client
        forwarded = ",".join(self.request.headers.getlist("x-forwarded-for"))
        return logic.address(client.host if client else None, forwarded, self.services.accounts.trusted_proxies)

    def must_be_ours(self) -> None:
        """Raises Forbidden for a request that another site's page could have made with the user's cookie.

        Who shows a token himself needs no more: no page can do that for another site.
        """
        if bearer_of(self.request.headers) is not None:
            return
        origin = self.request.headers.get("origin")
        is_own = origin is not None and urlsplit(origin).netloc.lower() == self.request.headers.get("host", "").lower()
        if not is_own and self.request.headers.get("x-cryptwire") != "1":
            raise Forbidden("changes need the header X-Cryptwire: 1, or an Origin of this host")


Info = strawberry.Info[Context, None]
