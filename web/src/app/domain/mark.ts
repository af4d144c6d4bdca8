import { type Bar, barAt } from './bar';
import type { Zone } from './zone';

/** A buy or a sell, as the datafeed tells it. `time` in seconds since the epoch. */
export interface Mark {
  readonly id: string;
  readonly time: number;
  readonly side: 'buy' | 'sell';
  readonly text: string;
}

/** All buys, or all sells, of one bar. */
export interface MarkGroup {
  readonly bar: Bar;
  readonly side: 'buy' | 'sell';
  readonly marks: readonly Mark[];
}

/**
 * Marks by bar and side, in the order of the bars. A mark before the first bar is left out. Bars of whole days carry a date,
 * so a mark with a time of day is placed by its local date; one that is stamped like a bar is taken at its word.
 */
export function grouped(marks: readonly Mark[], bars: readonly Bar[], zone: Zone, isIntraday: boolean): MarkGroup[] {
  const groups = new Map<string, { bar: Bar; side: 'buy' | 'sell'; marks: Mark[] }>();
  for (const mark of marks) {
    let bar = barAt(bars, mark.time);
    if (!isIntraday && bar?.time !== mark.time) bar = barAt(bars, zone.wallAt(mark.time));
    if (!bar) continue;
    const key = `${bar.time}/${mark.side}`;
    const group = groups.get(key);
    if (group) group.marks.push(mark);
    else groups.set(key, { bar, side: mark.side, marks: [mark] });
  }
  return [...groups.values()].sort((a, b) => a.bar.time - b.bar.time);
}
