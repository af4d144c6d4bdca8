"""The chain of tracker, Redis, writer and database, fed with the past instead of live ticks.

``recorded``: candles from files, at recorded time, in a world of its own (`cryptwire replay`). ``history``: the
exchanges' candles and the hoppers' trades of the past months, so that charts have a past (`cryptwire run history`).
"""
