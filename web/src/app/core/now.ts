import { inject, Injectable, type Signal, signal } from '@angular/core';

import { CLOCK } from './clock';

/** The time as a signal, in ms, a step each second: ages on a page grow by it. */
@Injectable({ providedIn: 'root' })
export class Now {
  private readonly clock = inject(CLOCK);
  private readonly current = signal(this.clock.now());

  readonly ms: Signal<number> = this.current.asReadonly();

  constructor() {
    const step = (): void => {
      this.current.set(this.clock.now());
      this.clock.after(1000, step);
    };
    this.clock.after(1000, step);
  }
}
