"""What a symbol names."""

import re
from typing import NamedTuple

from cryptwire.domain.hopper import Exchange, HopperId
from cryptwire.errors import NotFound

_HOPPER = re.compile(r"HOPPER:([A-Za-z0-9_-]{1,64})", re.ASCII)
_PAIR = re.compile(r"([A-Z0-9_]{2,30}):(\S{2,60})")


class HopperSymbol(NamedTuple):
    """``HOPPER:<id>``: the portfolio of one hopper."""

    hopper: HopperId


class AllSymbol(NamedTuple):
    """``HOPPER:ALL``: all of a user's live hoppers together."""


class PairSymbol(NamedTuple):
    """``BINANCE:BTCUSDT``: a pair of an exchange, by its name there. Whether there is one is to be looked up."""

    exchange: Exchange
    name: str


Symbol = HopperSymbol | AllSymbol | PairSymbol
ALL = "HOPPER:ALL"


def symbol_of(text: str) -> Symbol:
    """What a symbol names; raises NotFound."""
    if text == ALL:
        return AllSymbol()
    if match := _HOPPER.fullmatch(text):
        return HopperSymbol(HopperId(match[1]))
    if (match := _PAIR.fullmatch(text)) and match[1] != "HOPPER":
        return PairSymbol(Exchange(match[1].lower()), match[2])
    raise NotFound("unknown_symbol")
