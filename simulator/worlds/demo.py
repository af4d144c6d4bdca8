"""The demo world: four users, ten hoppers on two exchanges.

Nobody links the account of dave by himself: it is there for whoever tries how an account is linked.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Style = Literal["dips", "cross", "average"]
OrderType = Literal["market", "limit"]

PLANS = {"Hero": 60, "Adventurer": 120, "Explorer": 300, "Pioneer": 600}  # seconds between two snapshots


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account at the simulated Cryptohopper."""

    id: str
    name: str
    password: str
    full_name: str


@dataclass(frozen=True, slots=True)
class Hopper:
    """One bot: what it trades, how, and the quirks of its answers.

    ``styles`` see strategies.py. Fractions are of a position's price (0.03 is 3 %) for decisions 300 s apart.
    ``snapshot_seconds`` is what its plan grants. ``lag_seconds`` is how long after the others it decides; ``phase`` is
    the same as a part of the time between two decisions.
    """

    id: str
    user: str
    name: str
    exchange: str
    base: str
    coins: tuple[str, ...]
    style: Style
    start: Decimal
    share: Decimal  # of its funds that one buy takes
    most_positions: int
    take_profit: float
    stop_loss: float
    arm: float  # profit at which the trailing stop is armed
    trail: float  # fall from the peak that sells, once armed
    patience: int  # decisions after which a position is closed
    most_per_coin: int = 2
    dip: float = 0.018  # below its mean a coin must be for the style dips
    sells_half: bool = False  # half at the first target, the rest by trailing stop
    snapshot_seconds: int = 60
    lag_seconds: int = 0
    paper: bool = False
    tells_hopper: bool = True  # whether webhook messages hold hopper_id
    reserved: tuple[tuple[str, Decimal], ...] = field(default=())
    phase: float = 0.0
    order_type: OrderType = "market"  # of what it buys and sells by itself
    fee_coin: str = ""  # pays fees in this coin, a quarter cheaper, while its reserve of it lasts

    @property
    def plan_name(self) -> str:
        """The plan whose snapshots are at most as old."""
        return next(name for name, seconds in PLANS.items() if self.snapshot_seconds <= seconds or seconds == 600)


USERS = (
    User("5001", "alice", "alice-demo", "Alice Ahlberg"),
    User("5002", "bob", "bob-demo", "Bob Brandt"),
    User("5003", "carol", "carol-demo", "Carol Castell"),
    User("5004", "dave", "dave-demo", "Dave Duarte"),
)

HOPPERS = (
    Hopper(
        "1042001", "5001", "Blue Chips", "binance", "USDT", ("BTC", "ETH", "BNB", "SOL", "XRP", "LINK"), "dips",
        start=Decimal("12000"), share=Decimal("0.12"), most_positions=7, take_profit=0.022, stop_loss=0.05,
        arm=0.014, trail=0.006, patience=700, dip=0.019, sells_half=True, reserved=(("BNB", Decimal("1.5")),),
    ),
    Hopper(
        "1042002", "5001", "Bitcoin Stacker", "binance", "BTC", ("ETH", "BNB", "SOL", "LTC"), "cross",
        start=Decimal("0.5"), share=Decimal("0.18"), most_positions=4, take_profit=0.02, stop_loss=0.03,
        arm=0.012, trail=0.006, patience=400, lag_seconds=15,
    ),
    Hopper(
        "1042003", "5001", "KuCoin Swing", "kucoin", "USDT", ("BTC", "ETH", "KCS", "SOL", "ADA", "DOT"), "cross",
        start=Decimal("6000"), share=Decimal("0.14"), most_positions=4, take_profit=0.03, stop_loss=0.04,
        arm=0.02, trail=0.008, patience=500, sells_half=True, lag_seconds=30,
    ),
    Hopper(
        "1042004", "5001", "Euro Savings", "binance", "EUR", ("BTC", "ETH", "SOL", "XRP"), "average",
        start=Decimal("8000"), share=Decimal("0.05"), most_positions=15, take_profit=0.025, stop_loss=0.12,
        arm=0.02, trail=0.007, patience=1400, most_per_coin=6, paper=True, lag_seconds=45,
    ),
    Hopper(
        "1042005", "5002", "Trailing Bob", "binance", "USDT", ("BTC", "ETH", "SOL", "DOGE", "ADA", "LTC"), "dips",
        start=Decimal("4000"), share=Decimal("0.15"), most_positions=6, take_profit=0.06, stop_loss=0.045,
        arm=0.012, trail=0.005, patience=600,
    ),
    Hopper(
        "1042006", "5002", "Slow and Steady", "kucoin", "USDT", ("BTC", "ETH", "XRP", "LINK", "LTC"), "average",
        start=Decimal("9500"), share=Decimal("0.06"), most_positions=12, take_profit=0.02, stop_loss=0.1,
        arm=0.03, trail=0.01, patience=1200, most_per_coin=4, sells_half=True, snapshot_seconds=120, tells_hopper=False,
        lag_seconds=15,
    ),
    Hopper(
        "1042007", "5003", "Satoshi's Garden", "kucoin", "BTC", ("ETH", "KCS", "SOL", "LTC"), "dips",
        start=Decimal("0.25"), share=Decimal("0.18"), most_positions=5, take_profit=0.018, stop_loss=0.035,
        arm=0.011, trail=0.005, patience=500, dip=0.011, lag_seconds=30, reserved=(("KCS", Decimal("40")),),
    ),
    Hopper(
        "1042008", "5003", "Alt Season", "binance", "USDT", ("SOL", "XRP", "ADA", "DOGE", "LINK", "DOT"), "cross",
        start=Decimal("15000"), share=Decimal("0.08"), most_positions=9, take_profit=0.07, stop_loss=0.06,
        arm=0.04, trail=0.018, patience=700, sells_half=True, lag_seconds=45,
    ),
    Hopper(
        "1042009", "5004", "First Steps", "binance", "USDT", ("BTC", "ETH", "SOL", "LINK"), "dips",
        start=Decimal("2500"), share=Decimal("0.15"), most_positions=5, take_profit=0.025, stop_loss=0.05,
        arm=0.015, trail=0.006, patience=600, lag_seconds=15,
    ),
    Hopper(
        "1042010", "5004", "Weekend Swing", "kucoin", "USDT", ("BTC", "ETH", "KCS", "XRP"), "cross",
        start=Decimal("5000"), share=Decimal("0.16"), most_positions=4, take_profit=0.03, stop_loss=0.04,
        arm=0.02, trail=0.008, patience=500, lag_seconds=45,
    ),
)  # fmt: skip
