"""Dialect B: the paths of the makers' newer clients, with ids in query or body, over the same world."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from simulator.cryptohopper import hoppers, users
from simulator.cryptohopper.access import Answer, Call, Entry, Refusal, data
from simulator.cryptohopper.actions import Actions
from simulator.cryptohopper.buckets import Bucket
from simulator.cryptohopper.commands import Commands, decimal
from simulator.cryptohopper.configuration import Configuration
from simulator.cryptohopper.configuration import of as configuration_of
from simulator.cryptohopper.exchanges import Exchanges
from simulator.cryptohopper.orders import orders_of
from simulator.cryptohopper.positions import position_of, positions_of
from simulator.worlds.commands import Wish
from simulator.worlds.trader import Trader

_ACK = {"success": True}


class Registry(Protocol):
    """Who keeps registered webhooks of form 2."""

    def create(self, url: str, events: Sequence[str], user: str = "") -> int:
        """The number of a new one. Raises ValueError when it cannot be."""

    def delete(self, number: int, user: str = "") -> bool:
        """Whether there was such a one of this user's."""


class DialectB:
    """Reads and acts of the newer clients."""

    def __init__(
        self,
        commands: Commands,
        configuration: Configuration,
        actions: Actions,
        exchanges: Exchanges,
        registry: Registry,
    ) -> None:
        self._commands = commands
        self._configuration = configuration
        self._actions = actions
        self._exchanges = exchanges
        self._registry = registry

    def routes(self) -> list[Entry]:
        """Each route of this dialect."""
        of = self._exchanges
        reads: dict[str, tuple[str, Answer]] = {
            "/user/get": ("read", self._user),
            "/hopper/list": ("read", self._hoppers),
            "/hopper/get": ("read", self._hopper),
            "/hopper/positions": ("read", self._positions),
            "/hopper/position": ("read", self._position),
            "/hopper/orders": ("read", self._orders),
            "/hopper/configget": ("manage", self._config),
            "/hopper/configpools": ("manage", self._pools),
            "/exchange/ticker": ("", of.ticker_b),
            "/exchange/candle": ("", of.candles_b),
            "/exchange/orderbook": ("", of.orderbook_b),
            "/exchange/markets": ("", of.markets_b),
            "/exchange/currencies": ("", of.currencies_b),
            "/exchange/exchanges": ("", of.listed),
            "/subscription/hopper": ("read", self._subscription),
            "/subscription/get": ("read", users.subscriptions),
            "/subscription/plans": ("", users.plans),
            "/subscription/getcredits": ("read", users.saying({"credits": 0})),
        }
        acts: dict[str, tuple[str, Bucket, Answer]] = {
            "/hopper/create": ("manage", "normal", self._actions.create),
            "/hopper/update": ("manage", "normal", self._update),
            "/hopper/delete": ("manage", "normal", self._delete),
            "/hopper/configupdate": ("manage", "normal", self._config_update),
            "/hopper/buy": ("trade", "order", self._order("buy")),
            "/hopper/sell": ("trade", "order", self._order("sell")),
            "/hopper/panic": ("trade", "order", self._panic),
            "/api/webhook_create": ("notifications", "normal", self._webhook_create),
            "/api/webhook_delete": ("notifications", "normal", self._webhook_delete),
        }
        return [
            *(Entry("GET", path, scope, answer) for path, (scope, answer) in reads.items()),
            *(Entry("POST", path, scope, answer, bucket) for path, (scope, bucket, answer) in acts.items()),
            *_market(),
        ]

    async def _user(self, call: Call) -> Response:
        known = users.profile(call)
        names = ("id", "email", "username", "is_trial_user")
        return data({**{name: known[name] for name in names}, "userHash": f"{int(str(known['id'])):040x}"})

    async def _hoppers(self, call: Call) -> Response:
        """An array here, not ``{hoppers}``."""
        exchange = call.asked("exchange")
        mine = [trader for trader in call.world.of(call.grant.user) if exchange in ("", trader.hopper.exchange)]
        return data([hoppers.shown(call, trader, is_listed=True) for trader in mine])

    async def _hopper(self, call: Call) -> Response:
        return data(hoppers.shown(call, _asked(call), is_listed=False))

    async def _positions(self, call: Call) -> Response:
        trader = _asked(call)
        return data([_position(trader, each) for each in positions_of(call, trader)])

    async def _position(self, call: Call) -> Response:
        trader = _asked(call)
        return data(_position(trader, position_of(call, trader, call.asked("position_id"))))

    async def _orders(self, call: Call) -> Response:
        trader = _asked(call)
        return data([_order(trader, each) for each in orders_of(call, trader)])

    async def _config(self, call: Call) -> Response:
        return data(configuration_of(_asked(call)))

    async def _pools(self, call: Call) -> Response:
        call.request.path_params["id"] = _asked(call).hopper.id
        return await self._configuration.pools(call)

    async def _subscription(self, call: Call) -> Response:
        hopper = _asked(call).hopper
        return data({"hopper_id": int(hopper.id), **hoppers.plan_of(call, hopper)})

    async def _update(self, call: Call) -> Response:
        trader, body = await _named(call)
        name, is_on = body.get("name"), body.get("enabled")
        if name is None and is_on is None:
            raise Refusal(422, "Nothing to change")
        if name is not None:
            self._commands.tell(call, trader, "rename", str(name))
        if is_on is not None:
            self._commands.tell(call, trader, "enabled", "0" if str(is_on).lower() in ("0", "false") else "1")
        return data(_ACK)

    async def _delete(self, call: Call) -> Response:
        trader, _ = await _named(call)
        self._commands.tell(call, trader, "delete")
        return data(_ACK)

    async def _config_update(self, call: Call) -> Response:
        trader, body = await _named(call)
        self._configuration.apply(call, trader, {name: each for name, each in body.items() if name != "hopper_id"})
        return data(_ACK)

    def _order(self, side: str) -> Answer:
        async def answer(call: Call) -> Response:
            """``market`` as ``BTC/USDT``; without a price at market, without an amount a sell closes its positions."""
            trader, body = await _named(call)
            market = str(body.get("market", "")).upper().replace("-", "/")
            coin, base = trader.hopper.base, market.partition("/")[2]
            coin = market.partition("/")[0].removesuffix(trader.hopper.base) or coin
            if not market or base not in ("", trader.hopper.base):
                raise Refusal(422, f"market must be one against {trader.hopper.base}")
            price = "" if body.get("price") is None else f"{decimal(body['price'], 'price'):f}"
            if side == "sell" and body.get("amount") is None:
                self._commands.tell(call, trader, "sell", coin, "0" if price else "")
                return data(_ACK)
            wish = Wish("buy" if side == "buy" else "sell", coin, price)
            self._commands.tell(call, trader, "order", wish.text(), f"{decimal(body.get('amount')):f}")
            return data(_ACK)

        return answer

    async def _panic(self, call: Call) -> Response:
        trader, _ = await _named(call)
        self._commands.tell(call, trader, "panic", "1")
        return data(_ACK)

    async def _webhook_create(self, call: Call) -> Response:
        body = await call.body()
        url, events = body.get("url"), body.get("events", [])
        if (
            not isinstance(url, str)
            or not isinstance(events, list)
            or not all(isinstance(each, str) for each in events)
        ):
            raise Refusal(422, "url must be a text and events a list of texts")
        try:
            number = self._registry.create(url, events, call.grant.user)
        except ValueError as error:
            raise Refusal(422, str(error)) from None
        return data({"id": number, "webhook_id": number, "url": url, "events": events})

    async def _webhook_delete(self, call: Call) -> Response:
        number = str((await call.body()).get("webhook_id", ""))
        if not number.isdecimal() or not self._registry.delete(int(number), call.grant.user):
            raise Refusal(404, "Webhook not found")
        return data(_ACK)


def _market() -> list[Entry]:
    """What nobody offers here: empty lists, so that a client's other groups find their routes."""
    empty = users.saying([])
    lists = (
        "/strategy/strategies", "/template/templates", "/market/signals", "/market/marketitems", "/signals/signals",
        "/backtest/list", "/platform/countries", "/platform/languages", "/platform/bottypes", "/chart/list", "/ai/list",
        "/tournaments/active", "/tournaments/gettournaments", "/arbitrage/results", "/arbitrage/get-backlogs",
    )  # fmt: skip
    nothing = users.saying({})
    objects = (
        "/market/homepage",
        "/signals/performance",
        "/signals/stats",
        "/signals/distribution",
        "/signals/chartdata",
    )
    new = users.saying({"id": 1, "status": "queued"})
    found = [Entry("GET", path, "", empty) for path in lists]
    found += [Entry("GET", path, "", nothing) for path in objects]
    found += [Entry("GET", "/backtest/limits", "read", users.saying({"limit": 50, "used": 0}))]
    found += [Entry("POST", f"/backtest/{verb}", "manage", new, "backtest") for verb in ("new", "restart")]
    singles = {
        "/strategy/get": "Strategy", "/template/get": "Template", "/backtest/get": "Backtest",
        "/market/signal": "Signal", "/market/marketitem": "Item", "/chart/get": "Chart",
    }  # fmt: skip
    found += [Entry("GET", path, "read", users.missing(what)) for path, what in singles.items()]
    return found


def _asked(call: Call) -> Trader:
    """The hopper of the query. Refuses with 422 when none is named."""
    named = call.asked("hopper_id")
    if not named:
        raise Refusal(422, "hopper_id is required")
    return call.trader(named)


async def _named(call: Call) -> tuple[Trader, dict[str, Any]]:
    """The hopper of the body, and the body. Refuses with 422 when none is named."""
    body = await call.body()
    if "hopper_id" not in body:
        raise Refusal(422, "hopper_id is required")
    return call.trader(str(body["hopper_id"])), body


def _position(trader: Trader, position: dict[str, object]) -> dict[str, object]:
    return {**position, "hopper_id": trader.hopper.id, "coin": position["currency"]}


def _order(trader: Trader, order: dict[str, object]) -> dict[str, object]:
    pair = str(order["pair"])
    coin = pair.removesuffix(trader.hopper.base)
    market = f"{coin}/{trader.hopper.base}"
    return {
        **order,
        "hopper_id": trader.hopper.id,
        "market": market,
        "type": order["order_type"],
        "price": order["rate"],
    }
