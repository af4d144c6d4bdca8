"""Prices as a pure function of (seed, exchange, pair, time), and what exchanges make of them.

Time is in integer milliseconds since the epoch, prices are integers in units of the pair's tick size.

- A *node* lies at each multiple of 15 s. There each coin has a price in USDT made of hashed noise; between nodes it is
  linear. A pair's price is base over quote, rounded half up to the tick size, so triangles agree to the tick size. The
  ratio of two lines is monotone, hence within a segment a pair's price is, and extremes lie on nodes or ends.
- A *tick* lies at each multiple of TICK_SECONDS, which divides 15 s. Nothing is shown between ticks: live pushes carry
  the price at their tick, and the last price shown at an instant is that of the last tick at or before it.
- A kline of ``[T, T + span)`` takes in every tick of that interval: it opens with the tick at T and closes with the
  tick at T + span - TICK_SECONDS. The open kline ends with the last tick so far. So live and klines agree exactly.
- A *quiet* pair trades every fourth minute only; between its trades it shows the price of the last one.

Only additions, multiplications, divisions and roundings of IEEE doubles are used, element by element, so that a value
does not depend on how many are computed at once, nor on the machine.
"""
