"""The analyser: figures of portfolios and pairs, those that somebody wants, each computed once for all.

Consumes ``portfolio.<hopper>.live`` and ``portfolio.<hopper>.closed``, ``ticker`` of the pairs that are wanted, leases
by ``want.figure``; at the start of a series the candles of the database, for pairs the exchange's by ``candles``.
Emits ``figure.<hopper>`` and ``figure.pair.<exchange>.<quote>.<base>``. Owns nothing but memory: what it knows it can
learn again. It exists so that rules, charts and users know one kind of number only.
"""
