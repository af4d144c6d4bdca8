"""What users tell their hoppers, and what becomes of it."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal[
    "panic",  # sell everything and buy nothing until calm; value "" or "1" at market, "0" by limit orders
    "calm",  # end panic
    "enabled",  # value "1" or "0": decide at all
    "buying",  # value "1" or "0"
    "selling",  # value "1" or "0"
    "paper",  # value "1" or "0": shown as paper trading
    "rename",  # value: the new name
    "config",  # value: JSON, field to text; a share below 1 applies the first fields only
    "complain",  # value: what is said to be wrong with its configuration, "" when nothing is any more
    "deposit",  # value: a coin, amount: how much, negative for a withdrawal; what is not base currency is reserved
    "reset",  # everything goes and the start is deposited anew
    "sell",  # value: positions; amount "" or "1" at market, "0" by limit orders
    "dca",  # value: positions; buys the usual amount of their coins again
    "hold",  # value: positions, which no rule sells until
    "release",  # value: positions
    "merge",  # value: positions of one coin
    "split",  # value: positions, each into halves
    "target",  # value: positions, amount: the profit in percent at which they are sold
    "forget",  # value: positions; their coins stay, belonging to none
    "sync",  # value: a coin and perhaps its cost (``ETH 3120.5``), amount: how much without a position becomes one
    "reserve",  # value: positions; their coins become reserved
    "assign",  # value: a coin, amount: how much of its reserve becomes a position, "" for all
    "unreserve",  # value: a coin, amount: how much of its reserve is released, "" for all
    "short",  # value: positions; sold to be bought back later, what they bring waits in reserve
    "cover",  # value: short positions, bought back
    "uncover",  # value: short positions, forgotten: what they brought is released
    "order",  # value: see Wish, amount: how much of the coin
    "cancel",  # value: orders
    "create",  # value: JSON of a hopper as in a plan, but its id
    "delete",  # the hopper is gone
]
KINDS: frozenset[str] = frozenset(get_args(Kind))


class Impossible(Exception):
    """A command that cannot be obeyed, and why: nothing has changed."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What really becomes of a command that was accepted.

    It takes effect ``delay`` milliseconds later (at the next whole second), and ``share`` of it does: 0.5 sells half
    the positions named, or half of a single one; of an amount it is a part. 0: nothing happens. Switches know 0 and 1
    only; hoppers are created and deleted at once.
    """

    delay: int = 0
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.delay < 0 or not 0 <= self.share <= 1:
            raise ValueError(f"a delay is not negative and a share lies between 0 and 1: {self}")


NORMAL = Effect()


@dataclass(frozen=True, slots=True)
class Command:
    """What a user told a hopper at ``at`` (milliseconds, whole seconds): a kind, and what it needs as text.

    Positions and orders are ids with commas between; "" is all of them, and the name of a coin those of that coin. An
    id that is not there makes the command impossible.
    """

    at: int
    kind: Kind
    value: str = ""
    amount: str = ""
    effect: Effect = NORMAL

    def now(self, at: int) -> "Command":
        """The same, to take effect at once."""
        return replace(self, at=at, effect=Effect(0, self.effect.share))


@dataclass(frozen=True, slots=True)
class Wish:
    """A user's order as the value of a command ``order``: ``buy ETH 3120.5`` at a limit, ``sell ETH market``.

    ``trigger`` is what its trades tell as their reason. The amount is the command's own.
    """

    side: Literal["buy", "sell"]
    coin: str
    price: str = ""  # "" at market
    trigger: str = "Manual"

    def text(self) -> str:
        return f"{self.side} {self.coin} {self.price or 'market'} {self.trigger}"

    @classmethod
    def parsed(cls, text: str) -> "Wish":
        """Raises Impossible when it is no wish."""
        match text.split(" ", 3):
            case ["buy" | "sell" as side, coin, price, *rest] if coin and price:
                return cls(side, coin, "" if price == "market" else price, *rest)
        raise Impossible(f"not an order: {text}")
