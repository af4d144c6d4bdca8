"""The ticker streamer: prices of every exchange, live.

Consumes: exchanges, over their WebSockets through ccxt, by polling where there is none. Emits: NATS ``ticker.>`` (what
changed), ``feed.<exchange>`` (a pulse each second), answers to ``candles.>``. Owns: Redis ``cw:prices:<exchange>``, the
last price of every pair, and ``cw:lease:streamer:<exchange>``: one replica streams an exchange, the others wait;
candles are answered by all. Exists so that each exchange is heard once, however many want its prices.
"""
