"""Cryptohopper, exchanges and market-data services, played over their real protocols on one local port.

Imports nothing of the project: a mistake in our client must not be repeated in its opponent. Everything follows from
(seed, began_at, plan, commands, now): prices are a pure function of time, hoppers trade on them by simple strategies,
so that history, live data and a restart agree to the last digit. Only tokens, ``began_at``, what users changed of their
profiles and pools, and the commands they gave are kept.

``/oauth2/…`` and ``/v1/…`` are Cryptohopper, ``/binance/…`` and ``/kucoin/…`` the exchanges, ``/coinmarketcap/…`` and
``/openexchangerates/…`` what they are named after; ``/healthz`` answers once all is ready. What only a test wants lies
below ``/control``, JSON in and out, without a token: faults, effects, requests, deposits, revocation, webhooks.
docs/simulator.md tells all of it, and what a scenario file holds.
"""
