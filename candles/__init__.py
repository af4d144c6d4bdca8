"""Candles on their way out of the tracker: written to the database (``writer``) and read from it (``datafeed``)."""
