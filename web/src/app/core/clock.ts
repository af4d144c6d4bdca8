import { InjectionToken } from '@angular/core';

/** The only door to time and chance, so that a test can turn both by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after so many milliseconds; the answer cancels it. */
  after(milliseconds: number, then: () => void): () => void;
  /** A number in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (milliseconds, then) => {
    const id = setTimeout(then, milliseconds);
    return () => clearTimeout(id);
  },
  random: () => Math.random(),
};

export const CLOCK = new InjectionToken<Clock>('Clock', { providedIn: 'root', factory: () => systemClock });
