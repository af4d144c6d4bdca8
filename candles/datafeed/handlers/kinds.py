"""What the routes need of whoever answers for one kind of symbol: portfolios, all of a user's together, pairs."""

from typing import Any, NamedTuple, Protocol

from candles.datafeed.logic.questions import Question
from candles.datafeed.logic.symbols import Symbol
from candles.datafeed.ports import Caller
from cryptwire.domain.bar import Columns
from cryptwire.permissions import Needs


class History(NamedTuple):
    """Bars, oldest first; without any, the stamp of the last one before them, None where there is none."""

    bars: Columns
    next_time: int | None = None


class Kind(Protocol):
    """Answers for the symbols of one kind. Every method raises NotFound, Invalid, Unavailable.

    ``needs``: what a caller must be allowed to beyond what the route itself needs.
    """

    @property
    def needs(self) -> Needs | None: ...

    async def info(self, caller: Caller, symbol: Symbol, text: str) -> dict[str, Any]:
        """The symbol as TradingView is told of it; ``text`` is how it was asked for."""
        ...

    async def history(self, caller: Caller, symbol: Symbol, asked: Question) -> History:
        """The bars that were asked for, the one in progress included for who may see it."""
        ...

    async def marks(
        self, caller: Caller, symbol: Symbol, asked: Question, *, masked: bool | None
    ) -> list[dict[str, Any]]:
        """What the caller did within the span; ``masked``: without quantities; None: if he likes it so."""
        ...

    async def levels(self, caller: Caller, symbol: Symbol, *, masked: bool | None) -> list[dict[str, Any]]:
        """The prices at which something of the caller's happens; ``masked`` as for marks."""
        ...
