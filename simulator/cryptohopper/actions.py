"""What users do by dialect A: each answers with a sentence, and has its effect in the world."""

from collections.abc import Iterable

from starlette.responses import Response

from simulator.cryptohopper.access import Answer, Call, Entry, Refusal, data
from simulator.cryptohopper.commands import Commands, decimal
from simulator.cryptohopper.positions import buy_id, reserved_coin
from simulator.worlds.books import State
from simulator.worlds.commands import Kind, Wish
from simulator.worlds.trader import Trader

_SWITCHES: tuple[tuple[str, Kind, str, str], ...] = (
    ("enable", "enabled", "1", "Hopper enabled"),
    ("disable", "enabled", "0", "Hopper disabled"),
    ("enable/buying", "buying", "1", "Buying enabled"),
    ("disable/buying", "buying", "0", "Buying disabled"),
    ("enable/selling", "selling", "1", "Selling enabled"),
    ("disable/selling", "selling", "0", "Selling disabled"),
    ("enable/papertrading", "paper", "1", "Paper trading enabled"),
    ("disable/papertrading", "paper", "0", "Paper trading disabled"),
)

Routed = tuple[str, str, str, Answer]  # method, path below a hopper, scope, answer


class Actions:
    """Routes below ``/v1/hopper/{id}`` that tell the hopper something."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def routes(self) -> list[Entry]:
        """Every route below a hopper that has an effect."""
        managing = [Entry(method, _below(path), scope, answer) for method, path, scope, answer in self._managing()]
        trading = [
            Entry(method, _below(path), scope, answer, "order") for method, path, scope, answer in self._trading()
        ]
        return [*trading, *managing]

    def _trading(self) -> list[Routed]:
        """Those of the bucket ``order``."""
        return [
            ("GET", "panicbutton", "trade", self.panic),
            ("DELETE", "panicbutton", "trade", self._telling("calm", "", "Panic mode ended")),
            *self._of_positions("POST", "sell", "position_id", "sell", "Sell order placed", orders=True),
            *self._of_positions("POST", "dca", "position_ids", "dca", "DCA order placed", scope="trade"),
            *self._of_positions("POST", "short", "position_ids", "short", "Positions moved to short", scope="trade"),
            ("POST", "short/close", "trade", self._shorts("cover", "Short positions are being closed")),
            ("POST", "short/close/{position}", "trade", self._shorts("cover", "Short position is being closed")),
            ("POST", "order", "trade", self.order),
            ("DELETE", "order", "trade", self._cancel(listed=True)),
            ("DELETE", "order/all", "trade", self._cancel(listed=False)),
            ("DELETE", "order/{order}", "trade", self._cancel(listed=False)),
            ("DELETE", "order/{order}/cancel", "trade", self._cancel(listed=False)),
            ("DELETE", "order/{order}/tsb", "trade", self._cancel(listed=False)),
        ]

    def _managing(self) -> list[Routed]:
        """The others."""
        of = self._of_positions
        return [
            *(("PATCH", path, "manage", self._telling(kind, value, said)) for path, kind, value, said in _SWITCHES),
            ("PATCH", "", "manage", self.rename),
            ("DELETE", "", "manage", self._telling("delete", "", "Hopper deleted")),
            ("GET", "stop", "manage", self._telling("enabled", "0", "Hopper stopped")),
            ("PATCH", "setdefaulthopper", "manage", self.saying("Default hopper set")),
            ("POST", "reset", "manage", self._telling("reset", "", "Hopper reset")),
            ("POST", "changeimage", "manage", self.saying("Image changed")),
            ("POST", "startbalance", "manage", self.start_balance),
            ("POST", "stats/reset", "manage", self.saying("Statistics reset")),
            ("POST", "template/save", "manage", self.saying("Template saved")),
            *of("POST", "hold", "position_id", "hold", "Positions are on hold"),
            *of("POST", "release", "position_id", "release", "Positions released"),
            *of("POST", "merge", "position_id", "merge", "Positions merged", single=False),
            *of("POST", "split", "position_id", "split", "Positions split"),
            *of("POST", "movetoreserved", "position_ids", "reserve", "Positions moved to reserved"),
            ("POST", "position/settakeprofit", "manage", self.take_profit),
            ("POST", "position/setpositionsetting", "manage", self.setting),
            ("POST", "position/setshortsetting", "manage", self.saying("Settings saved")),
            ("POST", "position/sync", "manage", self.sync),
            *of("DELETE", "remove", "position_id", "forget", "Positions removed"),
            ("DELETE", "position/{position}", "manage", self._positions("forget", "", "Position removed")),
            ("PATCH", "reserved/{reserved}/movetopositions", "manage", self._reserve("assign", "Moved to positions")),
            ("DELETE", "reserved/{reserved}/release", "manage", self._reserve("unreserve", "Released")),
            ("POST", "short/hold/{position}", "manage", self._shorts("hold", "Short position is on hold")),
            ("POST", "short/release/{position}", "manage", self._shorts("release", "Short position released")),
            ("DELETE", "short/remove", "manage", self._shorts("uncover", "Short positions removed")),
            ("DELETE", "short/remove/{position}", "manage", self._shorts("uncover", "Short position removed")),
            ("POST", "papertrading/deposit", "manage", self._paper(1)),
            ("POST", "papertrading/withdraw", "manage", self._paper(-1)),
            ("PATCH", "papertrading/reset", "manage", self.paper_reset),
        ]

    # ---- the hopper as a whole ----

    async def create(self, call: Call) -> Response:
        """``name``, ``enabled``, ``config``; what ``config`` does not say is like the demo's first hopper."""
        body = await call.body()
        config, name = body.get("config") or {}, body.get("name")
        if not isinstance(config, dict) or not isinstance(name, str) or not name:
            raise Refusal(400, "name must be a text and config an object")
        asked = {"exchange": config.get("exchange"), "base": config.get("collect_currency")}
        asked["coins"] = config.get("allowed_coins")
        given = {key: value for key, value in asked.items() if value}
        id_ = self._commands.create(call, {"name": name, **given})
        if str(body.get("enabled", "1")) in ("0", "False", "false"):
            self._commands.tell(call, call.trader(id_), "enabled", "0")
        return data({"id": int(id_)})

    async def rename(self, call: Call) -> Response:
        """``name``, ``enabled``; keys of the exchange are taken and forgotten."""
        trader, body = call.trader(), await call.body()
        name, is_on = body.get("name"), body.get("enabled")
        if name is None and is_on is None and "api_config" not in body:
            raise Refusal(400, "Nothing to change")
        if name is not None:
            if not isinstance(name, str) or not name.strip():
                raise Refusal(400, "name must be a text")
            self._commands.tell(call, trader, "rename", name)
        if is_on is not None:
            self._commands.tell(call, trader, "enabled", "0" if str(is_on).lower() in ("0", "false") else "1")
        return data("Hopper updated")

    async def panic(self, call: Call) -> Response:
        """Sell everything and buy nothing more until it is ended; a GET with an effect, as the real one is."""
        at_market = call.asked("market_orders", "1") not in ("0", "false")
        self._commands.tell(call, call.trader(), "panic", "1" if at_market else "0")
        return data("Panic mode started, all positions are being sold")

    async def start_balance(self, call: Call) -> Response:
        call.trader()
        decimal((await call.body()).get("start_balance"), "start_balance")
        return data("Start balance set")

    def saying(self, said: str) -> Answer:
        """A route that is there and changes nothing that can be seen."""

        async def answer(call: Call) -> Response:
            call.trader()
            return data(said)

        return answer

    def _telling(self, kind: Kind, value: str, said: str) -> Answer:
        async def answer(call: Call) -> Response:
            self._commands.tell(call, call.trader(), kind, value)
            return data(said)

        return answer

    # ---- positions ----

    def _of_positions(
        self, method: str, path: str, field: str, kind: Kind, said: str, *,
        scope: str = "manage", single: bool = True, orders: bool = False,
    ) -> list[Routed]:  # fmt: skip
        scope = "trade" if orders else scope
        whole = f"position/{path}"
        routes = [(method, whole, scope, self._positions(kind, field, said, orders))]
        if single:
            routes.append((method, f"{whole}/{{position}}", scope, self._positions(kind, field, said, orders)))
        return routes

    def _positions(self, kind: Kind, field: str, said: str, orders: bool = False) -> Answer:
        """``field`` is what the body calls the list of positions; the path may name one instead."""

        async def answer(call: Call) -> Response:
            trader, body = call.trader(), await call.body()
            amount = "" if not orders or str(body.get("market_order", 1)) in ("1", "True", "true") else "0"
            self._commands.tell(call, trader, kind, _open(call, trader, body.get(field)), amount)
            return data(said)

        return answer

    async def take_profit(self, call: Call) -> Response:
        trader, body = call.trader(), await call.body()
        percent = decimal(body.get("percentage_profit"), "percentage_profit")
        self._commands.tell(call, trader, "target", _open(call, trader, body.get("position_ids")), f"{percent:f}")
        return data("Take profit set")

    async def setting(self, call: Call) -> Response:
        """Of a position's settings only ``percentage_profit`` and ``hold`` have an effect."""
        trader, body = call.trader(), await call.body()
        named, told = _open(call, trader, body.get("position_ids")), body.get("setting")
        if not isinstance(told, dict) or not told:
            raise Refusal(400, "setting must be an object with fields in it")
        if "percentage_profit" in told:
            percent = decimal(told["percentage_profit"], "percentage_profit")
            self._commands.tell(call, trader, "target", named, f"{percent:f}")
        if "hold" in told:
            self._commands.tell(call, trader, "hold" if str(told["hold"]) == "1" else "release", named)
        return data("Settings saved")

    async def sync(self, call: Call) -> Response:
        trader, body = call.trader(), await call.body()
        coin = body.get("currency")
        if not isinstance(coin, str) or not coin:
            raise Refusal(400, "currency must be a coin")
        self._commands.tell(call, trader, "sync", coin, f"{decimal(body.get('amount')):f}")
        return data("Position synced")

    def _reserve(self, kind: Kind, said: str) -> Answer:
        async def answer(call: Call) -> Response:
            trader = call.trader()
            self._commands.tell(call, trader, kind, reserved_coin(trader, call.request.path_params["reserved"]))
            return data(said)

        return answer

    def _shorts(self, kind: Kind, said: str) -> Answer:
        async def answer(call: Call) -> Response:
            trader, body = call.trader(), await call.body()
            named = call.request.path_params.get("position")
            listed = [named] if named else _ids(body.get("position_ids"), "position_ids")
            known = {each.id for each in _now(trader).shorts}
            self._commands.tell(
                call, trader, kind, _known(map(buy_id, listed), known, "No short position was selected")
            )
            return data(said)

        return answer

    # ---- orders and paper money ----

    async def order(self, call: Call) -> Response:
        """``order_type``, ``market_order``, ``coin``, ``amount``, ``price`` (for a limit); the rest is ignored."""
        trader, body = call.trader(), await call.body()
        side, coin = body.get("order_type"), body.get("coin")
        if side not in ("buy", "sell") or not isinstance(coin, str) or not coin:
            raise Refusal(400, "order_type must be buy or sell, coin a coin")
        at_market = str(body.get("market_order", 0)) in ("1", "True", "true")
        price = "" if at_market else f"{decimal(body.get('price'), 'price'):f}"
        trigger = body.get("order_trigger")
        wish = Wish(side, coin, price, trigger if isinstance(trigger, str) and trigger else "Manual")
        self._commands.tell(call, trader, "order", wish.text(), f"{decimal(body.get('amount')):f}")
        return data("Order placed")

    def _cancel(self, listed: bool) -> Answer:
        """Orders of the body, the one of the path, or all."""

        async def answer(call: Call) -> Response:
            trader, named = call.trader(), call.request.path_params.get("order")
            ids = [named] if named else _ids((await call.body()).get("order_ids"), "order_ids") if listed else []
            known = {each.id for each in _now(trader).orders}
            value = _known(ids, known, "No open order was selected") if ids else ""
            self._commands.tell(call, trader, "cancel", value)
            return data("Orders cancelled" if len(ids) != 1 else "Order cancelled")

        return answer

    def _paper(self, sign: int) -> Answer:
        async def answer(call: Call) -> Response:
            trader = _on_paper(call)
            self._commands.move(call, trader, await call.body(), sign)
            return data("Paper trading balance updated")

        return answer

    async def paper_reset(self, call: Call) -> Response:
        self._commands.tell(call, _on_paper(call), "reset")
        return data("Paper trading account reset")


def _below(path: str) -> str:
    return f"/hopper/{{id}}/{path}".rstrip("/")


def _on_paper(call: Call) -> Trader:
    trader = call.trader()
    if not trader.is_paper:
        raise Refusal(400, "Paper trading is not enabled")
    return trader


def _open(call: Call, trader: Trader, listed: object) -> str:
    """The world's ids of the positions that the path or a body names. Refuses with 400 when none of them is open."""
    named = call.request.path_params.get("position")
    ids = [named] if named else _ids(listed, "position_id or position_ids")
    return _known(map(buy_id, ids), {each.id for each in _now(trader).positions}, "No open position was selected")


def _now(trader: Trader) -> State:
    return trader.state(2**62)


def _known(ids: Iterable[str], known: set[str], otherwise: str) -> str:
    found = [id_ for id_ in dict.fromkeys(ids) if id_ in known]
    if not found:
        raise Refusal(400, otherwise)
    return ",".join(found)


def _ids(listed: object, name: str) -> list[str]:
    if not isinstance(listed, list) or not listed or not all(str(each).isdecimal() for each in listed):
        raise Refusal(400, f"{name} must be a list of ids")
    return [str(each) for each in listed]
