"""Fills what the live chain has not seen: the past before it was there, and the time while it was away.

Consumes the exchanges' fifteen-minute candles (asked of the streamer) and the hoppers' trade lists and balances (asked
of the gateway). Each candle of an exchange becomes four ticks, quantities change at each trade, and the tracker's own
shard values them. Emits candles marked as backfilled to the same Redis list, and stores the trades. It ends by itself
when the first quarter of an hour that the live chain saw from its beginning is joined to the rest.
"""
