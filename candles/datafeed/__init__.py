"""Datafeed: portfolios, all of a user's together, and pairs of exchanges as bars in the reader's zone, stored and live.

Consumes ``portfolio.*.live`` and ``portfolio.*.closed`` (the candle in progress, and the last hour's until they are in
the database), ``trade.>`` (a hopper's volume has changed), ``account.*`` (a user's rights may have, or his hoppers), of
pairs that somebody reads ``ticker.<exchange>.<quote>.<base>``, ``feed.*``, the last prices in Redis (which pairs there
are), and the tables of candles, trades, positions, rates, hoppers, users, sessions.
Emits TradingView's UDF protocol under ``/udf`` and whole bars over the WebSocket ``/stream`` (docs/datafeed.md).
Asks the streamer over ``candles.>``. Owns the tables of pairs' candles, which it only adds to: it can be started any
number of times.
"""
