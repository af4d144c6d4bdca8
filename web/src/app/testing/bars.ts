import type { Bar } from '../domain/bar';

/** A sound bar; what a test does not care about follows from the close. */
export function bar(time: number, close = 100, more: Partial<Bar> = {}): Bar {
  const open = more.open ?? close;
  return { time, open, high: Math.max(open, close), low: Math.min(open, close), close, volume: 0, ...more };
}
