"""Rates of currencies: units for one US dollar. The euro's follows the simulated market, the others a seed."""

import math
from collections.abc import Mapping

from simulator.market.listing import COINS, NUMERAIRE
from simulator.market.noise import key
from simulator.market.prices import Market

_HOUR = 3_600_000
_WAVES = (24 * 7, 24 * 31, 24 * 97)  # hours

_ABOUT: Mapping[str, float] = {
    "AED": 3.6725, "AFN": 70.5, "ALL": 84.0, "AMD": 383.0, "ANG": 1.79, "AOA": 915.0, "ARS": 1400.0, "AUD": 1.53,
    "AWG": 1.8, "AZN": 1.7, "BAM": 1.69, "BBD": 2.0, "BDT": 122.0, "BGN": 1.69, "BHD": 0.377, "BIF": 2950.0,
    "BMD": 1.0, "BND": 1.3, "BOB": 6.91, "BRL": 5.4, "BSD": 1.0, "BTN": 88.0, "BWP": 13.4, "BYN": 3.3, "BZD": 2.01,
    "CAD": 1.39, "CDF": 2870.0, "CHF": 0.8, "CLP": 950.0, "CNH": 7.12, "CNY": 7.12, "COP": 3950.0, "CRC": 503.0,
    "CUP": 25.75, "CVE": 95.5, "CZK": 21.0, "DJF": 178.0, "DKK": 6.45, "DOP": 63.0, "DZD": 130.0, "EGP": 48.0,
    "ERN": 15.0, "ETB": 145.0, "FJD": 2.26, "FKP": 0.75, "GBP": 0.75, "GEL": 2.7, "GGP": 0.75, "GHS": 12.2,
    "GIP": 0.75, "GMD": 72.0, "GNF": 8690.0, "GTQ": 7.66, "GYD": 209.0, "HKD": 7.78, "HNL": 26.2, "HRK": 6.5,
    "HTG": 131.0, "HUF": 340.0, "IDR": 16500.0, "ILS": 3.35, "IMP": 0.75, "INR": 88.0, "IQD": 1310.0,
    "IRR": 42100.0, "ISK": 122.0, "JEP": 0.75, "JMD": 160.0, "JOD": 0.709, "JPY": 148.0, "KES": 129.0, "KGS": 87.4,
    "KHR": 4010.0, "KMF": 425.0, "KPW": 900.0, "KRW": 1400.0, "KWD": 0.306, "KYD": 0.834, "KZT": 540.0,
    "LAK": 21700.0, "LBP": 89500.0, "LKR": 302.0, "LRD": 182.0, "LSL": 17.4, "LYD": 5.4, "MAD": 9.1, "MDL": 16.8,
    "MGA": 4450.0, "MKD": 53.2, "MMK": 2098.0, "MNT": 3590.0, "MOP": 8.0, "MRU": 39.9, "MUR": 45.5, "MVR": 15.4,
    "MWK": 1735.0, "MXN": 18.4, "MYR": 4.21, "MZN": 63.9, "NAD": 17.4, "NGN": 1490.0, "NIO": 36.8, "NOK": 10.0,
    "NPR": 141.0, "NZD": 1.72, "OMR": 0.385, "PAB": 1.0, "PEN": 3.48, "PGK": 4.2, "PHP": 58.0, "PKR": 281.0,
    "PLN": 3.65, "PYG": 7050.0, "QAR": 3.64, "RON": 4.38, "RSD": 101.0, "RUB": 83.0, "RWF": 1450.0, "SAR": 3.75,
    "SBD": 8.23, "SCR": 14.0, "SDG": 601.0, "SEK": 9.4, "SGD": 1.29, "SHP": 0.75, "SLE": 23.0, "SOS": 571.0,
    "SRD": 38.0, "SSP": 130.0, "STN": 21.2, "SVC": 8.75, "SYP": 13000.0, "SZL": 17.4, "THB": 32.4, "TJS": 9.3,
    "TMT": 3.51, "TND": 2.9, "TOP": 2.4, "TRY": 41.8, "TTD": 6.79, "TWD": 30.5, "TZS": 2450.0, "UAH": 41.5,
    "UGX": 3480.0, "USD": 1.0, "UYU": 39.9, "UZS": 12100.0, "VES": 190.0, "VND": 26350.0, "VUV": 121.0, "WST": 2.75,
    "XAF": 566.0, "XAG": 0.0206, "XAU": 0.00025, "XCD": 2.7027, "XDR": 0.733, "XOF": 566.0, "XPF": 103.0,
    "YER": 239.0, "ZAR": 17.3, "ZMW": 23.4, "ZWG": 26.8,
}  # fmt: skip
_FIXED = frozenset({"AED", "BHD", "BMD", "BSD", "HKD", "JOD", "OMR", "PAB", "QAR", "SAR", "USD"})


class Rates:
    """Rates at any instant, in milliseconds."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def at(self, instant: int) -> dict[str, float]:
        """Units of each currency for one US dollar, by the code's order."""
        hours = instant / _HOUR
        found = {code: _moved(code, about, hours) for code, about in _ABOUT.items()}
        found["EUR"] = 1 / self._in_dollars("EUR", instant)
        return {code: round(found[code], 6) for code in sorted(found)}

    def alternative(self, instant: int) -> dict[str, float]:
        """The same for coins of the market."""
        names = sorted(set(COINS) - {"EUR", NUMERAIRE})
        return {name: float(f"{1 / self._in_dollars(name, instant):.8g}") for name in names}

    def _in_dollars(self, coin: str, instant: int) -> float:
        for listed in self._market.exchanges.values():
            pair = listed.get(f"{coin}/{NUMERAIRE}")
            if pair is not None:
                return pair.at(instant) / pair.scale
        raise KeyError(coin)


def _moved(code: str, about: float, hours: float) -> float:
    if code in _FIXED:
        return about
    phase = key("openexchangerates", code) % 1000
    return about * (1 + sum(0.004 * math.sin(hours / period * math.tau + phase) for period in _WAVES))
