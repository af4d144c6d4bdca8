"""The chain of tracker, Redis, writer and database, fed with recorded candles instead of live ticks.

At recorded time, in a world of its own (`cryptwire replay`). The past that the live chain has not seen is the
processor's to fill.
"""
