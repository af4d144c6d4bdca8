"""``/v1/hopper/{id}/config`` and its pools: flat, nearly all text, secrets included."""

import json
from collections.abc import Mapping

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Call, Refusal, data
from simulator.cryptohopper.commands import Commands
from simulator.cryptohopper.hoppers import flag
from simulator.cryptohopper.state import Kept
from simulator.worlds.trader import Trader

_LISTS = ("allowed_coins", "base_coins", "hold_assets")
_MAPS = ("trading_fees",)
_STRATEGIES = {"dips": "Buy the dip", "cross": "Moving averages", "average": "Dollar cost"}
_EMPTY = (
    "only_when_positive_time", "cooldown_val", "bid_percentage_type", "ask_percentage_type", "trailing_stop_loss_reset",
    "trailing_stop_loss_profit", "auto_dca_strategy", "auto_dca_size_custom", "short_percentage_profit",
    "short_stop_loss_percentage", "short_stop_loss_trailing_percentage", "short_stop_loss_trailing_arm",
    "short_auto_close_positions_time", "short_auto_remove_positions_time", "short_remove_on_loss", "autosync_all_coins",
    "autosync_allowed_coins", "walletscrubber_leftovers", "walletscrubber_auto", "walletscrubber_noopen",
    "output_errors_only", "send_trade_email", "send_trade_error_email", "send_cancelled_email", "min_buy_score",
    "min_sell_score", "advanced_ta_candle_size", "advanced_ta_rsi_period", "advanced_ta_rsi_oversold",
    "advanced_ta_rsi_overbought", "arbitrage", "last_loaded_config_date",
)  # fmt: skip
_LONGEST = 2_000  # characters of a value
_MOST = 200  # pools of a hopper


def of(trader: Trader) -> dict[str, object]:
    """Everything a hopper is configured to do, as the plan has it and its user changed it."""
    hopper = trader.hopper
    found: dict[str, object] = {
        "name": trader.name,
        "live": flag(not trader.is_paper),
        "exchange": hopper.exchange,
        "collect_currency": hopper.base,
        "base_coins": [hopper.base],
        "allowed_coins": list(hopper.coins),
        "allow_all_coins": "0",
        "api_key": "simulated-api-key-" + hopper.id,
        "api_secret": "simulated-api-secret-" + hopper.id,
        "api_passphrase": "simulated-passphrase" if hopper.exchange == "kucoin" else "",
        "extra_api_key": "",
        "extra_api_secret": "simulated-extra-secret",
        "perc_buy_amount": f"{hopper.share * 100:f}",
        "min_buy_amount": "0.0001" if hopper.base == "BTC" else "10",
        "min_buy_amount_force": "0",
        "max_amount_allocated": "",
        "buy_btc_amount": "",
        "max_open_positions": str(hopper.most_positions),
        "max_open_positions_per_coin": str(hopper.most_per_coin),
        "num_targets_per_buy": "1",
        "paper_trading_account": "" if not trader.is_paper else f"{hopper.base}:{hopper.start:f}",
        "set_percentage": f"{hopper.take_profit * 100:g}",
        "strategy": _STRATEGIES[hopper.style],
        "sell_with_strategy": "0",
        "hold_assets": [],
        "max_open_time": "0",
        "max_open_time_buy": "15",
        "one_open_order": "1",
        "only_when_positive": "0",
        "cooldown": "1",
        "cooldown_count": "1",
        "cooldown_when": "",
        "buy_order_type": hopper.order_type,
        "sell_order_type": hopper.order_type,
        "dca_order_type": hopper.order_type,
        "bid_percentage": "0",
        "ask_percentage": "0",
        "trading_fees": {"maker": "0.1", "taker": "0.1"},
        "stop_loss": "1",
        "stop_loss_percentage": f"{hopper.stop_loss * 100:g}",
        "stop_loss_trailing": "1",
        "stop_loss_trailing_percentage": f"{hopper.trail * 100:g}",
        "stop_loss_trailing_arm": f"{hopper.arm * 100:g}",
        "stop_loss_trailing_only": False,
        "trailing_buy": "0",
        "trailing_buy_percentage": None,
        "auto_close_positions": "1",
        "auto_close_positions_time": str(hopper.patience * 300 // 3600),
        "auto_dca": "1",
        "auto_dca_time": "0",
        "auto_dca_max": "",
        "auto_dca_percentage": "0",
        "auto_dca_size": "double",
        "automatic_shorting": "0",
        "max_open_short_positions": 0,
        "autosync": "0",
        "auto_merge_positions": "0",
        "output_live_feed": "1",
        "ticker_type": "last",
        "template_id": "0",
        "last_loaded_config": "",
        **dict.fromkeys(_EMPTY, ""),
    }
    for name, text in trader.config.items():
        is_map = name in _MAPS and text.startswith("{")
        found[name] = text.split(",") if name in _LISTS and text else json.loads(text) if is_map else text
    found["stop_buying"], found["stop_selling"] = flag(not trader.buys), flag(not trader.sells)
    found["paper_trading"] = flag(trader.is_paper)
    return found


def _text(name: str, value: object) -> str:
    """A value of a configuration as text. Refuses with 400 what is none."""
    if value is None:
        text = ""
    elif isinstance(value, bool):
        text = flag(value)
    elif isinstance(value, list) and all(isinstance(each, str) and "," not in each for each in value):
        text = ",".join(value)
    elif isinstance(value, dict):
        text = json.dumps(value)
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise Refusal(400, f"{name} cannot be {value!r}")
    if len(text) > _LONGEST:
        raise Refusal(400, f"{name} is too long")
    return text


class Configuration:
    """Configurations and pools; what is changed has its effect on what the hopper does from then on."""

    def __init__(self, commands: Commands, kept: Kept) -> None:
        self._commands = commands
        self._kept = kept

    async def read(self, call: Call) -> Response:
        return data(of(call.trader()))

    async def change(self, call: Call) -> Response:
        """``{"config": {field: value}}``: these fields and no others; answers with all of them."""
        trader = call.trader()
        self.apply(call, trader, (await call.body()).get("config"))
        return data({"config": of(trader)})

    def apply(self, call: Call, trader: Trader, changes: object) -> None:
        """Change fields. Refuses with 400 an unknown field, and what the hopper cannot do."""
        if not isinstance(changes, Mapping) or not changes:
            raise Refusal(400, "config must be an object with fields in it")
        known = of(trader)
        if unknown := [name for name in changes if name not in known]:
            raise Refusal(400, f"Unknown setting: {', '.join(map(str, unknown))}")
        texts = {name: _text(name, value) for name, value in changes.items()}
        self._commands.tell(call, trader, "config", json.dumps(texts))

    # ---- pools: kept and shown; no hopper of this world buys by them ----

    async def pools(self, call: Call) -> Response:
        return data([_pool(each) for each in self._pools(call.trader())])

    async def pool(self, call: Call) -> Response:
        pools = self._pools(call.trader())
        return data(_pool(pools[_place(pools, call)]))

    async def add_pool(self, call: Call) -> Response:
        """A PATCH that creates, as the real one does."""
        trader, body = call.trader(), await call.body()
        pools = self._pools(trader)
        name, config = body.get("pool_name"), body.get("config", {})
        if not isinstance(name, str) or not name or not isinstance(config, dict) or len(pools) >= _MOST:
            raise Refusal(400, "pool_name must be a text and config an object")
        number = max((int(str(each["id"])) for each in pools), default=0) + 1
        made = {"id": number, "hopper": trader.hopper.id, "at": call.now}
        pools.append({**made, **_changed_pool({"name": name, "coins": [], "config": {}, "enabled": "1"}, body)})
        self._keep(trader, pools)
        return data(_pool(pools[-1]))

    async def change_pool(self, call: Call) -> Response:
        trader, body = call.trader(), await call.body()
        pools = self._pools(trader)
        place = _place(pools, call)
        pools[place] = {**_changed_pool(pools[place], body), "at": call.now}
        self._keep(trader, pools)
        return data("Pool updated")

    async def remove_pool(self, call: Call) -> Response:
        trader = call.trader()
        pools = self._pools(trader)
        del pools[_place(pools, call)]
        self._keep(trader, pools)
        return data("Pool deleted")

    def _pools(self, trader: Trader) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self._kept.fact(f"pools {trader.hopper.id}", "[]"))
        return found

    def _keep(self, trader: Trader, pools: list[dict[str, object]]) -> None:
        self._kept.set_fact(f"pools {trader.hopper.id}", json.dumps(pools))


def _place(pools: list[dict[str, object]], call: Call) -> int:
    for place, each in enumerate(pools):
        if str(each["id"]) == call.request.path_params["pool"]:
            return place
    raise Refusal(404, "Pool not found")


def _changed_pool(pool: dict[str, object], body: Mapping[str, object]) -> dict[str, object]:
    coins, config = body.get("selected_coins", pool["coins"]), body.get("config", pool["config"])
    if not isinstance(coins, list) or not all(isinstance(coin, str) for coin in coins) or not isinstance(config, dict):
        raise Refusal(400, "selected_coins must be a list of texts, config an object")
    texts = {str(name): _text(str(name), value) for name, value in config.items()}
    is_on = _text("enabled", body.get("enabled", pool["enabled"]))
    return {**pool, "name": body.get("pool_name", pool["name"]), "coins": coins, "config": texts, "enabled": is_on}


def _pool(pool: Mapping[str, object]) -> dict[str, object]:
    return {
        "id": str(pool["id"]),
        "name": pool["name"],
        "coins": pool["coins"],
        "config": pool["config"] or [],
        "updated": spoken(int(str(pool["at"]))),
        "status": pool["enabled"],
    }
