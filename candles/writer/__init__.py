"""The candle writer: from the Redis list to the database.

Consumes ``cw:candles``; owns the rows of ``candles``. It exists so that ten thousand candles that close at one instant
reach the database in batches over a few connections, and none is lost or written twice, whatever is killed.
"""
