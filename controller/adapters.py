"""The gateway, the analyser and the last prices, as the controller wants them."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from controller.logic.requests import Call, Look, Request, Seen
from controller.ports import NOW
from cryptwire.clock import Clock
from cryptwire.codec.control import ControlRequest, control_reply_from_wire, control_request_to_wire
from cryptwire.codec.figure import Lease, Wanted, lease_from_wire, wanted_to_wire
from cryptwire.codec.recall import VERB, Page, PastWanted, page_from_json, wish_to_json
from cryptwire.domain.account import Position
from cryptwire.domain.action import Act, Acted
from cryptwire.domain.hopper import Asset, Exchange, Hopper, UserId
from cryptwire.gateway_client import GatewayClient, LinkState
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import World
from cryptwire.storage.last_prices import LastPrices

_FEED_LIVES = timedelta(seconds=30)
"""An exchange whose newest price is older has no fresh ones (polled exchanges: two intervals)."""
_WANT_WITHIN = 5.0  # seconds
_PAGE_WITHIN = 60.0  # seconds; candles of pairs are read from exchanges, within their limits
_TRADE = "trade"


class GatewayUpstream:
    """Reads and acts by way of the gateway; last prices come from where the streamer keeps them."""

    def __init__(self, gateway: GatewayClient, prices: LastPrices, clock: Clock) -> None:
        self._gateway = gateway
        self._prices = prices
        self._clock = clock

    async def read(self, hopper: Hopper, looks: frozenset[Look], within: timedelta, max_age: timedelta = NOW) -> Seen:
        asked_at, age = self._clock.now(), max_age
        gateway, user, id_ = self._gateway, hopper.user, hopper.id
        try:
            async with asyncio.TaskGroup() as group:
                of = group.create_task
                itself = of(gateway.hopper(user, id_, age, within=within))
                positions = of(gateway.positions(user, id_, age, within=within)) if Look.POSITIONS in looks else None
                orders = of(gateway.orders(user, id_, age, within=within)) if Look.ORDERS in looks else None
                config = of(gateway.config(user, id_, age, within=within)) if Look.CONFIG in looks else None
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        there = None if positions is None else positions.result()
        return Seen(
            asked_at - age,
            itself.result(),
            there,
            None if orders is None else orders.result(),
            None if config is None else config.result(),
            await self._fresh(hopper.exchange, there or ()) if Look.PRICES in looks else None,
        )

    async def _fresh(self, exchange: Exchange, positions: Iterable[Position]) -> dict[tuple[Asset, Asset], Decimal]:
        tickers = await self._prices.all_of(exchange)
        newest = max((ticker.received_at for ticker in tickers), default=None)
        if newest is None or self._clock.now() - newest > _FEED_LIVES:
            return {}
        wanted = {(position.base, position.quote) for position in positions}
        return {
            pair: Decimal(repr(ticker.last))
            for ticker in tickers
            if (pair := (ticker.pair.base, ticker.pair.quote)) in wanted
        }

    async def link_problem(self, user: UserId) -> str:
        link = await self._gateway.link_state(user)
        if link.state is LinkState.NONE:
            return "no Cryptohopper account is linked"
        if link.state is LinkState.MUST_LINK_AGAIN:
            return "the Cryptohopper account must be linked again"
        return "" if _TRADE in link.scopes else "the Cryptohopper account was linked without the right to trade"

    async def send(self, hopper: Hopper, act: Act, request: Request, within: timedelta) -> Acted:
        gateway, user, id_ = self._gateway, hopper.user, hopper.id
        match request.call:
            case Call.START_PANIC:
                return await gateway.start_panic(user, id_, act, is_market=request.is_market, within=within)
            case Call.SELL:
                return await gateway.sell_positions(
                    user, id_, act, request.ids, is_market=request.is_market, within=within
                )
            case Call.CANCEL:
                return await gateway.cancel_orders(user, id_, act, request.ids, within=within)
            case Call.HOPPER:
                return await gateway.set_enabled(user, id_, act, is_on=request.is_on, within=within)
            case Call.BUYING:
                return await gateway.set_buying(user, id_, act, is_on=request.is_on, within=within)
            case Call.SELLING:
                return await gateway.set_selling(user, id_, act, is_on=request.is_on, within=within)
            case Call.CONFIG:
                return await gateway.change_config(user, id_, act, request.changes, within=within)


class AskedFigures:
    """The analysers, over NATS: the one that computes a figure answers."""

    def __init__(self, bus: Bus, world: World) -> None:
        self._bus = bus
        self._world = world

    async def want(self, wanted: Wanted) -> Lease:
        return lease_from_wire(await self._bus.request(self._world.want, wanted_to_wire(wanted), _WANT_WITHIN))


class AskedHistory:
    """The analyser that holds the hopper, over NATS."""

    def __init__(self, bus: Bus, world: World) -> None:
        self._bus = bus
        self._world = world

    async def page(self, hopper: Hopper, wish: PastWanted) -> Page:
        request = ControlRequest(hopper.id, hopper.user, "controller", body=wish_to_json(wish))
        subject = self._world.control(hopper.id, "analyser", VERB)
        answer = await self._bus.request(subject, control_request_to_wire(request), _PAGE_WITHIN)
        # many numbers: beside what is live
        return await asyncio.to_thread(lambda: page_from_json(control_reply_from_wire(answer)))
