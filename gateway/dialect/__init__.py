"""Cryptohopper's answers, read: bytes in, values of ours out; and what it is sent. Nothing here talks.

Survives what is known of the API (shared reference, 3.9 and 5): numbers as text, empty or null; an empty list where a
map belongs, and the reverse; junk before the JSON; errors under HTTP 200; pairs in four spellings. No error made here
holds anything of what upstream said but its status, for an answer may repeat a secret.
"""

from gateway.dialect.actions import cancelling, config_said, panic_said, said, selling
from gateway.dialect.config import CHANGEABLE, config, config_changes
from gateway.dialect.envelopes import answer, done, grant
from gateway.dialect.rows import (
    ENTRIES,
    PAGE,
    assets,
    falls,
    hopper,
    hoppers,
    orders,
    output,
    positions,
    reserved,
    shorts,
    trades,
)
from gateway.dialect.scalars import coin, exchange, flag, identity, moment, number, pair_of

__all__ = [
    "CHANGEABLE",
    "ENTRIES",
    "PAGE",
    "answer",
    "assets",
    "cancelling",
    "coin",
    "config",
    "config_changes",
    "config_said",
    "done",
    "exchange",
    "falls",
    "flag",
    "grant",
    "hopper",
    "hoppers",
    "identity",
    "moment",
    "number",
    "orders",
    "output",
    "pair_of",
    "panic_said",
    "positions",
    "reserved",
    "said",
    "selling",
    "shorts",
    "trades",
]
