"""Datafeed: portfolios as bars of any resolution in the reader's zone, as history and live.

Consumes ``portfolio.*.live`` and ``portfolio.*.closed`` (the candle in progress, and the last hour's until they are in
the database), ``trade.>`` (a hopper's volume has changed), ``account.*`` (a user's rights may have), and the tables of
candles, trades, hoppers, users, sessions.
Emits TradingView's UDF protocol under ``/udf`` and whole bars over the WebSocket ``/stream``. Owns nothing: it can be
started any number of times.
"""
