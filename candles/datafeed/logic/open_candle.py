"""The candle in progress of a pair: what its exchange told of it last, and the prices heard since."""

from dataclasses import dataclass

from cryptwire.domain.bar import Part


def _of(price: float) -> Part:
    return Part(price, price, price, price, 0.0)


@dataclass(slots=True)
class OpenCandle:
    """One of ``grain`` seconds. A price that was heard before the exchange was asked is in what it answers.

    So a price that fell, by the time at which it came in, into the wrong candle does no harm for longer than a minute.
    """

    grain: int
    at: int | None = None
    _told: Part | None = None
    _heard: Part | None = None  # since the question was asked that ``_told`` answers
    _meanwhile: Part | None = None  # since the question was asked that is not answered yet

    def on_price(self, second: int, price: float) -> bool:
        """A price that came in at ``second``; False when it belongs to a candle that is over."""
        at = second - second % self.grain
        if self.at is not None and at < self.at:
            return False
        if at != self.at:
            self.at, self._told, self._heard, self._meanwhile = at, None, None, None
        one = _of(price)
        self._heard = one if self._heard is None else self._heard.then(one)
        self._meanwhile = one if self._meanwhile is None else self._meanwhile.then(one)
        return True

    def asks(self) -> None:
        """The exchange is asked now."""
        self._meanwhile = None

    def on_told(self, at: int, part: Part) -> None:
        """What the exchange answered of the candle opened ``at``."""
        if self.at is not None and at < self.at:
            return
        if at != self.at:
            self._meanwhile = None
        self.at, self._told, self._heard = at, part, self._meanwhile

    @property
    def part(self) -> Part | None:
        """The candle so far; its volume as the exchange told it last."""
        if self._told is None or self._heard is None:
            return self._told or self._heard
        return self._told.then(self._heard)
