import { inject, Injectable, InjectionToken, signal } from '@angular/core';

import type { Decide, Rule } from './enforcer';

export const DECIDER = new InjectionToken<(rules: readonly Rule[]) => Promise<Decide>>('Decider', {
  providedIn: 'root',
  factory: () => async (rules) => (await import('./enforcer')).deciderOf(rules),
});

/** What the user may, by the policy's words. It only decides what is shown and asked for; the server decides by itself. */
@Injectable({ providedIn: 'root' })
export class Permissions {
  private readonly decider = inject(DECIDER);
  private readonly decide = signal<Decide | null>(null);
  private loaded = '[]';
  private run = 0;

  /** No until loaded, and for whatever no rule mentions. */
  can(action: string, resource: string): boolean {
    return this.decide()?.(action, resource) ?? false;
  }

  /** Decide by these from now on. Should the engine not load, everything is a no until the next time. */
  async load(rules: readonly Rule[]): Promise<void> {
    const text = JSON.stringify(rules);
    if (text === this.loaded) return;
    const run = ++this.run;
    this.loaded = text;
    if (rules.length === 0) {
      this.decide.set(null);
      return;
    }
    try {
      const decide = await this.decider(rules);
      if (run === this.run) this.decide.set(decide);
    } catch {
      if (run !== this.run) return;
      this.loaded = '[]';
      this.decide.set(null);
    }
  }
}
