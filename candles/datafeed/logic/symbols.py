"""What a symbol names, how TradingView is told of it, and which symbols are found."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cryptwire.domain.bar import Resolution
from cryptwire.domain.hopper import Exchange, Hopper, HopperId
from cryptwire.errors import NotFound

_HOPPER = re.compile(r"HOPPER:([A-Za-z0-9_-]{1,64})", re.ASCII)
_PAIR = re.compile(r"([A-Z0-9_]{2,30}):(\S{2,60})")
_FIAT = (
    *("USD", "EUR", "GBP", "CHF", "AUD", "CAD", "NZD", "JPY", "TRY", "BRL", "PLN", "CZK", "SEK", "NOK", "DKK", "HUF"),
    *("RON", "UAH", "ZAR", "MXN", "ARS", "INR", "IDR", "KRW", "SGD", "HKD", "AED", "NGN"),
)
_STABLECOINS = (
    *("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDP", "PAX", "DAI", "USDD", "PYUSD", "GUSD", "UST", "USTC", "HUSD"),
    *("SUSD", "LUSD", "FRAX", "USDE", "USD1", "EURT", "EURS", "EURC", "EURI", "AEUR", "BIDR", "BVND", "IDRT", "BKRW"),
)
_TWO_DECIMALS = frozenset((*_FIAT, *_STABLECOINS))


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


def config() -> dict[str, Any]:
    """What ``/config`` answers."""
    return {
        "supported_resolutions": [resolution.value for resolution in Resolution],
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": False,
        "supports_time": True,
        "exchanges": [{"value": "", "name": "All", "desc": ""}],
        "symbols_types": [{"name": "All", "value": ""}],
        "symbols_grouping": {},
        "units": {},
    }


def symbol_info(hopper: Hopper, zone: ZoneInfo) -> dict[str, Any]:
    """A portfolio as TradingView describes a symbol."""
    symbol = f"HOPPER:{hopper.id}"
    decimals = 2 if hopper.base in _TWO_DECIMALS else 8
    return {
        "name": symbol,
        "ticker": symbol,
        "full_name": symbol,
        "base_name": [symbol],
        "description": _description(hopper),
        "type": "crypto",
        "session": "24x7",
        "timezone": "Etc/UTC" if zone.key == "UTC" else zone.key,
        "exchange": "CRYPTWIRE",
        "listed_exchange": "CRYPTWIRE",
        "format": "price",
        "minmov": 1,
        "minmovement": 1,
        "minmove2": 0,
        "minmovement2": 0,
        "fractional": False,
        "pricescale": 10**decimals,
        "has_intraday": True,
        "intraday_multipliers": ["15", "60", "240"],
        "has_seconds": False,
        "has_ticks": False,
        "has_daily": True,
        "daily_multipliers": ["1"],
        "has_weekly_and_monthly": True,
        "weekly_multipliers": ["1"],
        "monthly_multipliers": ["1"],
        "has_empty_bars": False,
        "has_no_volume": False,
        "visible_plots_set": "ohlcv",
        "supported_resolutions": [resolution.value for resolution in Resolution],
        "volume_precision": decimals,
        "data_status": "streaming",
        "currency_code": hopper.base,
    }


def found(hoppers: Iterable[Hopper], query: str, kind: str, exchange: str, limit: int) -> list[dict[str, Any]]:
    """Those of ``hoppers`` whose symbol or name holds ``query``, in whatever case."""
    if kind not in ("", "crypto") or exchange not in ("", "CRYPTWIRE"):
        return []
    wanted = query.strip().upper()
    return [
        {
            "symbol": f"HOPPER:{hopper.id}",
            "full_name": f"HOPPER:{hopper.id}",
            "ticker": f"HOPPER:{hopper.id}",
            "description": _description(hopper),
            "exchange": "CRYPTWIRE",
            "type": "crypto",
        }
        for hopper in hoppers
        if wanted in f"HOPPER:{hopper.id}".upper() or wanted in hopper.name.upper()
    ][:limit]


def _description(hopper: Hopper) -> str:
    return f"{hopper.name} (paper)" if hopper.is_paper else hopper.name
