"""What each figure is, in a sentence: unit, and source of its formula. The same for a chart, an export and a rule."""

from collections.abc import Mapping
from types import MappingProxyType

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        # value and return
        "value": "What all of it is worth: the sum over coins of quantity times last price; coins without a price count"
        " nothing and are listed.",
    }
)
"""By name, lower case with hyphens."""
