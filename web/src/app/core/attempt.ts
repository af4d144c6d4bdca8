import { computed, inject, signal } from '@angular/core';

import { asGraphError, GraphError } from './graph/graph-error';
import { Now } from './now';

/** One thing a user tries by a form: that it is under way, why it failed, and how long he has to wait. */
export class Attempt {
  private readonly begun = signal(false);
  private readonly said = signal<GraphError | null>(null);
  private readonly failedAt = signal(0);

  readonly isRunning = this.begun.asReadonly();
  readonly failure = this.said.asReadonly();
  /** Seconds until it is worth trying again; 0: now. */
  readonly secondsLeft = computed(() => {
    const wait = this.said()?.retryAfter ?? 0;
    return wait === 0 ? 0 : Math.max(0, Math.ceil((this.failedAt() + wait * 1000 - this.now.ms()) / 1000));
  });
  readonly isBlocked = computed(() => this.begun() || this.secondsLeft() > 0);

  constructor(private readonly now: Now) {}

  /** What `work` gives, or null when it failed or is under way already. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.isBlocked()) return null;
    this.begun.set(true);
    this.said.set(null);
    try {
      return await work();
    } catch (caught) {
      this.failedAt.set(this.now.ms());
      this.said.set(asGraphError(caught));
      return null;
    } finally {
      this.begun.set(false);
    }
  }

  /** It cannot even be tried. */
  refuse(message: string): void {
    this.said.set(new GraphError('INVALID', message));
  }

  forget(): void {
    this.said.set(null);
  }
}

/** For a field of a component. */
export function attempt(): Attempt {
  return new Attempt(inject(Now));
}
