"""Cryptohopper, Binance and KuCoin, played over their real protocols on one local port.

Imports nothing of the project: a mistake in our client must not be repeated in its opponent. Everything follows from
(seed, began_at, now): prices are a pure function of time, hoppers trade on them by simple strategies, so that history,
live data and a restart agree to the last digit. Only tokens, ``began_at`` and the commands users gave are kept.

``/oauth2/…`` and ``/v1/…`` are Cryptohopper, ``/binance/…`` and ``/kucoin/…`` the exchanges, ``/healthz`` answers once
all is ready. What only a test wants lies below ``/control``, JSON in and out, without a token:

- ``POST /control/faults {"kind", "path", "times"}``: spoil the next admitted calls whose path contains a text;
  GET lists what is queued, DELETE clears it;
- ``POST /control/exchanges/{name} {"is_silent", "cut"}``: let an exchange's sockets say nothing, or close them;
- ``POST /control/hopper/{id}/deposit {"coin", "amount"}``: move money in, or out below zero, without a trade;
- ``POST /control/users/{name}/revoke``: make every token of a user worthless.
"""
