"""How TradingView is told of symbols, and which of them are found."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from candles.datafeed.logic.symbols import ALL
from cryptwire.domain.bar import Resolution
from cryptwire.domain.hopper import Asset, Exchange, Hopper
from cryptwire.domain.pair_names import Named

_PORTFOLIO, _PAIR, _HOUSE = "portfolio", "crypto", "CRYPTWIRE"
_FEWEST_DIGITS = 5  # of a price
_FINER = 4  # decimals beyond them: more are an accident of a price that was computed
_MOST_DECIMALS = 15
_FIAT = (
    *("USD", "EUR", "GBP", "CHF", "AUD", "CAD", "NZD", "JPY", "TRY", "BRL", "PLN", "CZK", "SEK", "NOK", "DKK", "HUF"),
    *("RON", "UAH", "ZAR", "MXN", "ARS", "INR", "IDR", "KRW", "SGD", "HKD", "AED", "NGN"),
)
_STABLECOINS = (
    *("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDP", "PAX", "DAI", "USDD", "PYUSD", "GUSD", "UST", "USTC", "HUSD"),
    *("SUSD", "LUSD", "FRAX", "USDE", "USD1", "EURT", "EURS", "EURC", "EURI", "AEUR", "BIDR", "BVND", "IDRT", "BKRW"),
)
_TWO_DECIMALS = frozenset((*_FIAT, *_STABLECOINS))


def config(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """What ``/config`` answers; ``exchanges``: whose pairs are shown."""
    names = [each.upper() for each in exchanges]
    return {
        "supported_resolutions": [resolution.value for resolution in Resolution],
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": False,
        "supports_time": True,
        "exchanges": [
            {"value": "", "name": "All", "desc": ""},
            *({"value": name, "name": name, "desc": ""} for name in (_HOUSE, *names)),
        ],
        "symbols_types": [
            {"name": "All", "value": ""},
            {"name": "Portfolios", "value": _PORTFOLIO},
            {"name": "Pairs", "value": _PAIR},
        ],
        "symbols_grouping": {},
        "units": {},
    }


def symbol_info(hopper: Hopper, zone: ZoneInfo) -> dict[str, Any]:
    """A portfolio as TradingView describes a symbol."""
    decimals = _decimals(hopper.base)
    return _info(f"HOPPER:{hopper.id}", _description(hopper), _HOUSE, hopper.base, zone, decimals, decimals) | {
        "type": _PORTFOLIO
    }


def all_info(currency: Asset, left_out: Sequence[Hopper], zone: ZoneInfo) -> dict[str, Any]:
    """All of a user's live hoppers together; ``left_out``: those that nobody can tell the worth of in ``currency``."""
    text = "All hoppers"
    if left_out:
        text += f" without {', '.join(hopper.name for hopper in left_out)}: no rate is known"
    decimals = _decimals(currency)
    return _info(ALL, text, _HOUSE, currency, zone, decimals, decimals) | {"type": _PORTFOLIO}


def pair_info(named: Named, text: str, prices: Sequence[float], zone: ZoneInfo) -> dict[str, Any]:
    """A pair of an exchange, asked for as ``text``; ``prices`` of it show how finely it is quoted."""
    pair = named.pair
    decimals = price_decimals(prices)
    described = f"{pair.base} / {pair.quote}"
    info = _info(text, described, pair.exchange.upper(), pair.quote, zone, decimals, 8)
    return info | {"ticker": named.symbol, "type": _PAIR}


def price_decimals(prices: Sequence[float]) -> int:
    """Decimals that show each of these prices whole, and at least five digits; eight when there is none."""
    if not prices:
        return 8
    told = max(-int(Decimal(repr(price)).normalize().as_tuple().exponent) for price in prices)
    fewest = max(2, _FEWEST_DIGITS - 1 - Decimal(repr(max(prices))).adjusted())
    return min(max(fewest, min(told, fewest + _FINER)), _MOST_DECIMALS)


def _info(
    symbol: str, description: str, exchange: str, currency: Asset, zone: ZoneInfo, decimals: int, of_volume: int
) -> dict[str, Any]:
    return {
        "name": symbol,
        "ticker": symbol,
        "full_name": symbol,
        "base_name": [symbol],
        "description": description,
        "session": "24x7",
        "timezone": "Etc/UTC" if zone.key == "UTC" else zone.key,
        "exchange": exchange,
        "listed_exchange": exchange,
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
        "volume_precision": of_volume,
        "data_status": "streaming",
        "currency_code": currency,
    }


def shows_portfolios(kind: str, exchange: str) -> bool:
    """Whether a search for this type on this exchange may find portfolios."""
    return kind in ("", _PORTFOLIO) and exchange in ("", _HOUSE)


def shows_pairs(kind: str, exchange: str) -> bool:
    """And pairs."""
    return kind in ("", _PAIR) and exchange != _HOUSE


def found(hoppers: Sequence[Hopper], query: str) -> list[dict[str, Any]]:
    """Those of ``hoppers`` whose symbol or name holds ``query``, in whatever case; and all live ones together."""
    wanted = query.strip().upper()
    every = [(ALL, "All hoppers")] if any(not hopper.is_paper for hopper in hoppers) else []
    named = [*every, *((f"HOPPER:{hopper.id}", _description(hopper)) for hopper in hoppers)]
    return [
        _hit(symbol, description, _HOUSE, _PORTFOLIO)
        for symbol, description in named
        if wanted in symbol.upper() or wanted in description.upper()
    ]


def found_pairs(named: Iterable[Named]) -> list[dict[str, Any]]:
    """Pairs as a search tells of them."""
    return [_hit(one.symbol, f"{one.pair.base} / {one.pair.quote}", one.pair.exchange.upper(), _PAIR) for one in named]


def _hit(symbol: str, description: str, exchange: str, kind: str) -> dict[str, Any]:
    told = {"symbol": symbol, "full_name": symbol, "ticker": symbol}
    return told | {"description": description, "exchange": exchange, "type": kind}


def _decimals(currency: Asset) -> int:
    return 2 if currency in _TWO_DECIMALS else 8


def _description(hopper: Hopper) -> str:
    return f"{hopper.name} (paper)" if hopper.is_paper else hopper.name
