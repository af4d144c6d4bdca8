import { signal } from '@angular/core';

import type { Clock } from './clock';
import { GraphError } from './graph/graph-error';

/**
 * Asks again and again and keeps what it last heard: a failure leaves the value as it was, with its age.
 *
 * The next question follows `every` ms after an answer, so a slow server is not asked twice at once.
 */
export class Poll<T> {
  readonly value = signal<T | null>(null);
  /** When `value` came, ms. */
  readonly receivedAt = signal(0);
  /** Why the last question failed; null after an answer. */
  readonly failure = signal<GraphError | null>(null);
  private run = 0;
  private cancel = (): void => undefined;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly every: number,
    private readonly clock: Clock,
  ) {}

  /** Ask now, and from now on. */
  start(): void {
    this.stop();
    void this.turn(this.run);
  }

  /** An answer that is still under way is not heard. */
  stop(): void {
    this.run++;
    this.cancel();
  }

  private async turn(run: number): Promise<void> {
    try {
      const value = await this.ask();
      if (run !== this.run) return;
      this.value.set(value);
      this.receivedAt.set(this.clock.now());
      this.failure.set(null);
    } catch (error) {
      if (run !== this.run) return;
      this.failure.set(
        error instanceof GraphError ? error : new GraphError('INTERNAL', 'The app failed to read this.'),
      );
    }
    this.cancel = this.clock.after(this.every, () => void this.turn(run));
  }
}
