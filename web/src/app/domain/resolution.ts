/** How long a bar lasts, as TradingView writes it: minutes as bare numbers, else day, week and month. */
export type Resolution = '15' | '60' | '240' | '1D' | '1W' | '1M';

export const RESOLUTIONS: readonly Resolution[] = ['15', '60', '240', '1D', '1W', '1M'];

const MINUTE = 60;
const DAY = 86_400;
const LENGTHS: Record<Resolution, number> = {
  '15': 15 * MINUTE,
  '60': 60 * MINUTE,
  '240': 240 * MINUTE,
  '1D': DAY,
  '1W': 7 * DAY,
  '1M': 31 * DAY,
};
const LABELS: Record<Resolution, string> = { '15': '15m', '60': '1h', '240': '4h', '1D': '1D', '1W': '1W', '1M': '1M' };
const NAMES: Record<Resolution, string> = {
  '15': '15 minutes',
  '60': '1 hour',
  '240': '4 hours',
  '1D': '1 day',
  '1W': '1 week',
  '1M': '1 month',
};

/** Seconds of the longest ordinary bar: a bar on a day of the clock change may differ by an hour, a month is 28 to 31 days. */
export function lengthOf(resolution: Resolution): number {
  return LENGTHS[resolution];
}

export function labelOf(resolution: Resolution): string {
  return LABELS[resolution];
}

export function nameOf(resolution: Resolution): string {
  return NAMES[resolution];
}

/** True when bars are stamped with the moment they open; the others carry 00:00 UTC of the local date. */
export function isIntraday(resolution: Resolution): boolean {
  return lengthOf(resolution) < DAY;
}

export function isResolution(text: string | null): text is Resolution {
  return (RESOLUTIONS as readonly (string | null)[]).includes(text);
}
