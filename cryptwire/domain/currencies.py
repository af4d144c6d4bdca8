"""Which symbols are money of states, and which coins are meant to be a US dollar."""

from cryptwire.domain.hopper import Asset

DOLLAR = Asset("USD")

_LEGAL_TENDER = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
LEGAL_TENDER = frozenset(map(Asset, _LEGAL_TENDER.split()))
"""ISO 4217, as far as it is legal tender."""
_BESIDES = "BYR CHE CHW CLF CNH CUC GGP HRK IMP JEP LTL LVL MRO STD VEF XCG ZWG"
FIAT = LEGAL_TENDER | frozenset(map(Asset, _BESIDES.split()))
"""Besides those that were until lately, or are told beside them. By such a symbol no coin is meant."""
_BACKED = "USDT USDC FDUSD TUSD DAI BUSD USDP PYUSD GUSD USD1 RLUSD USDS"
DOLLARS = frozenset(map(Asset, _BACKED.split()))
"""Coins that are backed to be one US dollar each: what they are counted as when nobody tells their price."""
CASH = FIAT | DOLLARS
"""What traders call cash: money of states, and coins that stand for it."""
