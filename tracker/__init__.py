"""The portfolio tracker: from an exchange's tick to the fifteen-minute candle of every portfolio.

Consumes ``ticker.>``, ``feed.*`` and ``trade.>`` from NATS, balances and positions from the gateway, its hoppers from
``assignments``. Emits ``portfolio.<hopper>.live`` each 2 s and ``portfolio.<hopper>.closed`` on NATS, closed candles
and flow candidates to Redis lists. Owns the state of its shard in Redis. It exists because Cryptohopper shows balances
of minutes ago and no history of their value: here every tick of every market counts.
"""
