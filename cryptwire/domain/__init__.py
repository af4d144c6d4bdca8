"""Hopper, pair, ticker, candle, bar, trade, position: values and their arithmetic. No I/O, no clock."""
