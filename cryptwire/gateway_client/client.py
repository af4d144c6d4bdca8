"""Calls to the gateway, for the services that may make them: domain values in and out, errors of ours."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

from cryptwire.clock import EPOCH
from cryptwire.codec.gateway import (
    duration,
    entry_from_message,
    hopper_from_message,
    moment,
    order_from_message,
    reserved_from_message,
    short_from_message,
    timestamp,
)
from cryptwire.codec.portfolio import position_from_message
from cryptwire.codec.trade import decimal, trade_from_message
from cryptwire.domain.account import Order, OutputEntry, Position, Reserved, Short
from cryptwire.domain.action import Act, Acted, Fence
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.trade import Trade
from cryptwire.gateway_client.line import Identity, Line
from cryptwire.gateway_client.statuses import our_action_errors, our_errors
from generated.wire.v1 import gateway_pb2 as pb

DEADLINE = timedelta(seconds=20)
_NOW = timedelta(0)


class LinkState(IntEnum):
    """Of a user's Cryptohopper account."""

    NONE = pb.LINK_STATE_NONE
    LINKED = pb.LINK_STATE_LINKED
    MUST_LINK_AGAIN = pb.LINK_STATE_MUST_LINK_AGAIN


@dataclass(frozen=True, slots=True)
class Link:
    """How a user's account is linked; ``scopes`` and ``expires_at`` are of the token, which renews itself."""

    state: LinkState
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    linked_at: datetime | None = None


class GatewayClient:
    """Every call names its user; reads may be ``max_age`` old (0 goes upstream) and give up after ``within``.
    ``is_import``: nobody looks at what is read, so everything else in the user's budget goes before it.

    Raises NotFound (also for another user's hopper), Forbidden (this service may not), LinkAgain, Exhausted with the
    time to wait, Unavailable (also when the time is over), Invalid, Corrupt.

    Actions raise besides: Fenced, SwitchedOff, and Unconfirmed: it may have been done. The same ``act`` may be called
    again at any time, for each is sent once: it tells what became of it, or is sent if it never was. To try again what
    surely was not done, take the act's next number; Unavailable says so of this call alone, and nothing of an
    earlier one of the same number that was Unconfirmed.
    """

    def __init__(self, line: Line, deadline: timedelta = DEADLINE) -> None:
        self._line = line
        self._deadline = deadline

    # ---- account ----

    async def begin_link(self, user: UserId, redirect_uri: str, *, within: timedelta | None = None) -> tuple[str, str]:
        """Where the user's consent is asked for, and the state that comes back with it: good for ten minutes."""
        request = pb.BeginLinkRequest(user_id=user, redirect_uri=redirect_uri)
        with our_errors():
            said = await self._line.stub.BeginLink(request, timeout=self._timeout(within))
        return said.authorize_url, said.state

    async def link(self, user: UserId, code: str, state: str, *, within: timedelta | None = None) -> LinkState:
        """Exchange an OAuth code, once: a code that failed is spent, and the user begins again."""
        request = pb.LinkAccountRequest(user_id=user, code=code, state=state)
        with our_errors():
            return LinkState((await self._line.stub.LinkAccount(request, timeout=self._timeout(within))).state)

    async def unlink(self, user: UserId, *, within: timedelta | None = None) -> bool:
        """Destroy the user's tokens; whether upstream confirmed that they are worth nothing there, too."""
        request = pb.UnlinkAccountRequest(user_id=user)
        with our_errors():
            return (await self._line.stub.UnlinkAccount(request, timeout=self._timeout(within))).is_revoked

    async def link_state(self, user: UserId, *, within: timedelta | None = None) -> Link:
        request = pb.GetLinkStateRequest(user_id=user)
        with our_errors():
            said = await self._line.stub.GetLinkState(request, timeout=self._timeout(within))
        expires_at = moment(said.expires_at) if said.HasField("expires_at") else None
        linked_at = moment(said.linked_at) if said.HasField("linked_at") else None
        return Link(LinkState(said.state), tuple(said.scopes), expires_at, linked_at)

    # ---- reads ----

    async def hoppers(
        self, user: UserId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> list[LinkedHopper]:
        """All hoppers of the linked account."""
        request = pb.ListHoppersRequest(user_id=user, max_age=duration(max_age))
        with our_errors():
            said = await self._line.stub.ListHoppers(request, timeout=self._timeout(within))
        return [hopper_from_message(hopper, user) for hopper in said.hoppers]

    async def hopper(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> LinkedHopper:
        request = pb.GetHopperRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age))
        with our_errors():
            said = await self._line.stub.GetHopper(request, timeout=self._timeout(within))
        return hopper_from_message(said.hopper, user)

    async def config(
        self,
        user: UserId,
        hopper: HopperId,
        max_age: timedelta = _NOW,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> dict[str, str]:
        """Its configuration without keys and secrets; values that are not text come as JSON."""
        request = pb.GetConfigRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age), is_import=is_import)
        with our_errors():
            said = await self._line.stub.GetConfig(request, timeout=self._timeout(within))
        return dict(said.fields)

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> tuple[dict[Asset, Decimal], datetime]:
        """The whole balance of each coin that is above 0, and when it was asked for."""
        request = pb.GetAssetsRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age))
        with our_errors():
            said = await self._line.stub.GetAssets(request, timeout=self._timeout(within))
        return {Asset(name): decimal(text) for name, text in said.quantities.items()}, moment(said.read_at)

    async def positions(
        self,
        user: UserId,
        hopper: HopperId,
        max_age: timedelta = _NOW,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> tuple[Position, ...]:
        """Open positions, all of them."""
        request = pb.ListPositionsRequest(
            user_id=user, hopper_id=hopper, max_age=duration(max_age), is_import=is_import
        )
        with our_errors():
            said = await self._line.stub.ListPositions(request, timeout=self._timeout(within))
        return tuple(map(position_from_message, said.positions))

    async def reserved(
        self,
        user: UserId,
        hopper: HopperId,
        max_age: timedelta = _NOW,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> tuple[Reserved, ...]:
        """Coins that the hopper may not sell."""
        request = pb.ListReservedRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age), is_import=is_import)
        with our_errors():
            said = await self._line.stub.ListReserved(request, timeout=self._timeout(within))
        return tuple(map(reserved_from_message, said.reserved))

    async def shorts(
        self,
        user: UserId,
        hopper: HopperId,
        max_age: timedelta = _NOW,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> tuple[Short, ...]:
        """Open short positions."""
        request = pb.ListShortsRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age), is_import=is_import)
        with our_errors():
            said = await self._line.stub.ListShorts(request, timeout=self._timeout(within))
        return tuple(map(short_from_message, said.shorts))

    async def orders(
        self,
        user: UserId,
        hopper: HopperId,
        max_age: timedelta = _NOW,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> tuple[Order, ...]:
        """Orders that are open at the exchange."""
        request = pb.ListOrdersRequest(user_id=user, hopper_id=hopper, max_age=duration(max_age), is_import=is_import)
        with our_errors():
            said = await self._line.stub.ListOrders(request, timeout=self._timeout(within))
        return tuple(map(order_from_message, said.orders))

    async def trades_since(
        self,
        user: UserId,
        hopper: HopperId,
        since: datetime,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> list[Trade]:
        """Every trade at or after ``since``, oldest first; ``is_import``: nobody looks at them, so they come last.

        Each 500 trades upstream are one request of the user's budget: a long history needs a long ``within``.
        """
        return [
            trade
            async for page in self.trade_pages(user, hopper, since, is_import=is_import, within=within)
            for trade in page
        ]

    async def trade_pages(
        self,
        user: UserId,
        hopper: HopperId,
        since: datetime,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> AsyncIterator[list[Trade]]:
        """The same some hundred at a time, for histories that are better not held whole."""
        request = pb.ListTradesSinceRequest(
            user_id=user, hopper_id=hopper, since=timestamp(max(since, EPOCH)), is_import=is_import
        )
        with our_errors():
            async for page in self._line.stub.ListTradesSince(request, timeout=self._timeout(within)):
                yield list(map(trade_from_message, page.trades))

    async def output(
        self,
        user: UserId,
        hopper: HopperId,
        since: datetime,
        max_age: timedelta = _NOW,
        *,
        within: timedelta | None = None,
    ) -> tuple[OutputEntry, ...]:
        """The hopper's own log, newest first, 500 entries at most."""
        request = pb.ListOutputRequest(
            user_id=user, hopper_id=hopper, since=timestamp(max(since, EPOCH)), max_age=duration(max_age)
        )
        with our_errors():
            said = await self._line.stub.ListOutput(request, timeout=self._timeout(within))
        return tuple(map(entry_from_message, said.entries))

    # ---- actions ----

    async def start_panic(
        self, user: UserId, hopper: HopperId, act: Act, *, is_market: bool, within: timedelta | None = None
    ) -> Acted:
        """Sell every open position, and stop buying until the panic is stopped."""
        request = pb.StartPanicRequest(user_id=user, hopper_id=hopper, authority=_authority(act), is_market=is_market)
        return await self._acted(self._line.stub.StartPanic, request, within)

    async def stop_panic(self, user: UserId, hopper: HopperId, act: Act, *, within: timedelta | None = None) -> Acted:
        request = pb.StopPanicRequest(user_id=user, hopper_id=hopper, authority=_authority(act))
        return await self._acted(self._line.stub.StopPanic, request, within)

    async def sell_positions(
        self,
        user: UserId,
        hopper: HopperId,
        act: Act,
        positions: Sequence[str],
        *,
        is_market: bool,
        within: timedelta | None = None,
    ) -> Acted:
        """Sell these positions, 1 to 500, by their ids."""
        request = pb.SellPositionsRequest(
            user_id=user, hopper_id=hopper, authority=_authority(act), position_ids=positions, is_market=is_market
        )
        return await self._acted(self._line.stub.SellPositions, request, within)

    async def cancel_orders(
        self, user: UserId, hopper: HopperId, act: Act, orders: Sequence[str], *, within: timedelta | None = None
    ) -> Acted:
        """Cancel these orders, 500 at most, by their ids; none: every open one."""
        request = pb.CancelOrdersRequest(user_id=user, hopper_id=hopper, authority=_authority(act), order_ids=orders)
        return await self._acted(self._line.stub.CancelOrders, request, within)

    async def set_enabled(
        self, user: UserId, hopper: HopperId, act: Act, *, is_on: bool, within: timedelta | None = None
    ) -> Acted:
        request = pb.SetEnabledRequest(user_id=user, hopper_id=hopper, authority=_authority(act), is_on=is_on)
        return await self._acted(self._line.stub.SetEnabled, request, within)

    async def set_buying(
        self, user: UserId, hopper: HopperId, act: Act, *, is_on: bool, within: timedelta | None = None
    ) -> Acted:
        request = pb.SetBuyingRequest(user_id=user, hopper_id=hopper, authority=_authority(act), is_on=is_on)
        return await self._acted(self._line.stub.SetBuying, request, within)

    async def set_selling(
        self, user: UserId, hopper: HopperId, act: Act, *, is_on: bool, within: timedelta | None = None
    ) -> Acted:
        request = pb.SetSellingRequest(user_id=user, hopper_id=hopper, authority=_authority(act), is_on=is_on)
        return await self._acted(self._line.stub.SetSelling, request, within)

    async def change_config(
        self,
        user: UserId,
        hopper: HopperId,
        act: Act,
        changes: Mapping[str, str],
        *,
        within: timedelta | None = None,
    ) -> Acted:
        """Change these fields, 1 to 50, and no others; lists as JSON."""
        request = pb.ChangeConfigRequest(user_id=user, hopper_id=hopper, authority=_authority(act), changes=changes)
        return await self._acted(self._line.stub.ChangeConfig, request, within)

    async def _acted(self, call: Any, request: Any, within: timedelta | None) -> Acted:
        with our_action_errors():
            said: pb.ActionResponse = await call(request, timeout=self._timeout(within))
        return Acted(said.said, moment(said.sent_at), moment(said.answered_at), said.is_repeated)

    def _timeout(self, within: timedelta | None) -> float:
        return (self._deadline if within is None else within).total_seconds()


@asynccontextmanager
async def connect(address: str, identity: Identity, deadline: timedelta = DEADLINE) -> AsyncIterator[GatewayClient]:
    """A client of the gateway at ``host:port``, which may be away now and come later.

    While it is away every call raises Unavailable at once; the channel connects again by itself within 2 s. A renewed
    certificate is taken up within a second.
    """
    line = Line(address, identity)
    try:
        yield GatewayClient(line, deadline)
    finally:
        await line.close()


def _authority(act: Act) -> pb.Authority:
    authority = pb.Authority(intent_id=act.intent, number=act.number, rule_set_id=act.rule_set)
    if isinstance(act.right, Fence):
        authority.fence = act.right.number
    else:
        authority.session_token = act.right.text
    return authority
