"""Cryptohopper, Binance and KuCoin, played over their real protocols on one local port.

Imports nothing of the project: a mistake in our client must not be repeated in its opponent. Everything follows from
(seed, began_at, now): prices are a pure function of time, hoppers trade on them by simple strategies, so that history,
live data and a restart agree to the last digit. Only tokens, ``began_at`` and the commands users gave are kept.
"""
