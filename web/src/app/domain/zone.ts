import { type Bar, fold } from './bar';

const DAY = 86_400;

/** Offsets of one IANA zone from UTC. Remembers days without a change, so a long series costs two look-ups a day. */
export class Zone {
  private readonly days = new Map<number, number | null>();
  private readonly format: Intl.DateTimeFormat;

  /** Throws RangeError when the engine does not know `name`. */
  constructor(readonly name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The zone, or UTC when the engine does not know it. */
  static of(name: string): Zone {
    try {
      return new Zone(name);
    } catch {
      return new Zone('Etc/UTC');
    }
  }

  /** Seconds to add to UTC at this moment, east positive. */
  offsetAt(time: number): number {
    const day = Math.floor(time / DAY);
    let offset = this.days.get(day);
    if (offset === undefined) {
      const start = this.lookUp(day * DAY);
      offset = start === this.lookUp((day + 1) * DAY) ? start : null;
      this.days.set(day, offset);
    }
    return offset ?? this.lookUp(time);
  }

  /** Seconds since the epoch that, read as UTC, spell the wall clock of the zone at this moment. */
  wallAt(time: number): number {
    return time + this.offsetAt(time);
  }

  private lookUp(time: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(time * 1000)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts;
    return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) / 1000 - Math.floor(time);
  }
}

/**
 * Intraday bars stamped with the wall clock of the zone, for a chart that knows no zones. Strictly ascending: when the clock
 * goes back, the bars of the repeated hour are folded into those that had the same wall time before.
 */
export function onWallClock(bars: readonly Bar[], zone: Zone): Bar[] {
  const shown: Bar[] = [];
  const places = new Map<number, number>();
  for (const bar of bars) {
    const time = zone.wallAt(bar.time);
    const place = places.get(time);
    if (place !== undefined) {
      shown[place] = fold(shown[place]!, bar);
      continue;
    }
    places.set(time, shown.length);
    shown.push({ ...bar, time });
  }
  // A bar of the repeated hour whose twin is missing lies between two that are there.
  return isAscending(shown) ? shown : shown.sort((a, b) => a.time - b.time);
}

function isAscending(bars: readonly Bar[]): boolean {
  return bars.every((bar, i) => i === 0 || bars[i - 1]!.time < bar.time);
}
