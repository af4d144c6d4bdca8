"""Rates between currencies, as the datafeed needs them, too: cryptwire/storage/conversions.py."""

from cryptwire.storage.conversions import MOST_DAYS, Conversions

__all__ = ["MOST_DAYS", "Conversions"]
