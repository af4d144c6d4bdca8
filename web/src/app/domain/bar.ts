/**
 * The value of a portfolio over one span. `time` is when it opens, in seconds since the epoch (UTC); a day, week or month
 * carries 00:00 UTC of its local date. Prices in the currency of the series, volume = bought + sold.
 */
export interface Bar {
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** One bar over two that follow each other: open first, high max, low min, close last, volume added. Stamped like the first. */
export function fold(first: Bar, then: Bar): Bar {
  return {
    time: first.time,
    open: first.open,
    high: Math.max(first.high, then.high),
    low: Math.min(first.low, then.low),
    close: then.close,
    volume: first.volume + then.volume,
  };
}

/** The bars with `bar` in its place: it replaces the one of its time, else goes where its time says. Ascending in, ascending out. */
export function withBar(bars: readonly Bar[], bar: Bar): Bar[] {
  const at = firstNotBefore(bars, bar.time);
  const replaced = bars[at]?.time === bar.time ? 1 : 0;
  return [...bars.slice(0, at), bar, ...bars.slice(at + replaced)];
}

/**
 * Two pages of one series as one: ascending, each time once. Where both know a time the one of `newer` counts, since an open
 * bar goes on changing after it was read. Pages may come unordered or overlap.
 */
export function merged(older: readonly Bar[], newer: readonly Bar[]): Bar[] {
  const byTime = new Map<number, Bar>();
  for (const bar of older) byTime.set(bar.time, bar);
  for (const bar of newer) byTime.set(bar.time, bar);
  return [...byTime.values()].sort((a, b) => a.time - b.time);
}

/** Index of the first bar that opens at `time` or later; the number of bars when there is none. */
export function firstNotBefore(bars: readonly Bar[], time: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The bar that `time` lies in: the last that opens at or before it; undefined before the first. */
export function barAt(bars: readonly Bar[], time: number): Bar | undefined {
  return bars[firstNotBefore(bars, time + 1) - 1];
}

/** Finite numbers whose high and low enclose open and close; anything else must not reach a chart. */
export function isSound(bar: Bar): boolean {
  const { time, open, high, low, close, volume } = bar;
  return (
    [time, open, high, low, close, volume].every(Number.isFinite) &&
    low <= Math.min(open, close) &&
    high >= Math.max(open, close)
  );
}
