"""Cryptohopper with one hopper that has positions, orders and a configuration, and does what it is told."""

from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from tests.integration.gateway.upstream import Act, FakeUpstream


@dataclass
class PlayedCryptohopper(FakeUpstream):
    """``sold`` are the ids of positions in the order in which they were sold; twice there, twice sold."""

    positions: list[str] = field(default_factory=list)
    open_orders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.configured = {"perc_buy_amount": "10", "max_open_positions": "12"}
        self.show()

    def begin(self, *positions: str, orders: tuple[str, ...] = ()) -> None:
        """Anew: these are open, everything is on, and nothing was ever told."""
        self.positions, self.open_orders = list(positions), list(orders)
        self.hopper |= {"enabled": 1, "buying_enabled": 1, "selling_enabled": "1"}
        self.configured = {"perc_buy_amount": "10", "max_open_positions": "12"}
        self.is_panicking = False
        self.acts.clear()
        self.sold.clear()
        self.cancelled.clear()
        self.show()

    def show(self) -> None:
        """What reads are answered."""
        shown = [_position(id_) for id_ in self.positions]
        self.data["/v1/hopper/501/position"] = shown
        self.data["/v1/hopper/501/order"] = [_order(id_) for id_ in self.open_orders]
        self.data["/v1/hopper/501/config"] = {"config": {"name": "Main", "api_key": "hush"} | self.configured}

    def verbs(self) -> list[str]:
        """What it was told to do, in order."""
        return [f"{act.verb} {act.path.removeprefix('/v1/hopper/501/')}" for act in self.acts]

    def _do(self, act: Act) -> Response:
        rest = act.path.split("/", 4)[4]
        if rest == "panicbutton" and act.verb == "GET":
            self.sold += self.positions
            self.positions = []
        answer = super()._do(act)
        if rest == "position/sell":
            gone = set(map(str, act.body["position_id"]))
            self.positions = [id_ for id_ in self.positions if id_ not in gone]
        if rest.startswith("order") and act.verb == "DELETE":
            ids: list[Any] = [] if rest.endswith("all") else act.body["order_ids"]
            gone = set(map(str, ids)) or set(self.open_orders)
            self.open_orders = [id_ for id_ in self.open_orders if id_ not in gone]
        self.show()
        if rest == "config":
            return JSONResponse({"data": self.data["/v1/hopper/501/config"]})
        return answer


def _position(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "currency": f"C{id_}",
        "pair": f"C{id_}-USDT",
        "amount": "2",
        "rate": "10",
        "cost": "20",
        "buy_time": "2026-01-02 03:04:05",
        "hold": 0,
    }


def _order(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "currency": "C1",
        "pair": "C1-USDT",
        "order_type": "sell",
        "amount": "2",
        "rate": "11",
        "market_order": 0,
    }
