import type { Clock } from '../core/clock';

/** A clock that stands still until a test turns it; chance is always the same number. */
export class HandClock implements Clock {
  private time: number;
  private timers: { at: number; then: () => void }[] = [];

  constructor(
    start = Date.UTC(2026, 10, 20, 12),
    private readonly chance = 1,
  ) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  after(milliseconds: number, then: () => void): () => void {
    const timer = { at: this.time + milliseconds, then };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  }

  random(): number {
    return this.chance;
  }

  /** Lets so many milliseconds pass; what falls due happens in its order. */
  turn(milliseconds: number): void {
    const until = this.time + milliseconds;
    for (;;) {
      const next = this.timers.filter((each) => each.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((each) => each !== next);
      this.time = Math.max(this.time, next.at);
      next.then();
    }
    this.time = until;
  }

  get waiting(): number {
    return this.timers.length;
  }
}

/** Lets promises that are settled be heard. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
