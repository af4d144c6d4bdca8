import { inject, Injectable, InjectionToken } from '@angular/core';

import { RefreshSessionDocument } from '../../../generated/graphql';
import { CLOCK } from '../clock';
import { Graph } from '../graph/graph';
import { GraphError } from '../graph/graph-error';
import { store, stored } from '../storage';

const MARK = 'cryptwire.session';
/** Access is renewed so long before it ends, ms. */
const AHEAD = 60_000;
/** Never sooner than this after the last time, ms: a clock that runs ahead must not make it renew without end. */
const LEAST = 60_000;

/** Does `then` while no other tab of this app does the like. */
export type Alone = <T>(name: string, then: () => Promise<T>) => Promise<T>;

export const ALONE = new InjectionToken<Alone>('Alone', {
  providedIn: 'root',
  factory: () => (name, then) => (navigator.locks ? navigator.locks.request(name, then) : then()),
});

/** What the tabs of this browser know in common of the session; its secrets are in cookies that scripts cannot read. */
interface Mark {
  /** When access ends unless it is renewed, ms. */
  readonly expiresAt: number;
  readonly renewedAt: number;
}

/**
 * Keeps access to a session, which lasts some minutes, alive: renewed a minute before it ends, and when the server says so.
 *
 * Once over all tabs: a refresh token is good once, so who comes second takes what the first one got.
 */
@Injectable({ providedIn: 'root' })
export class Renewal {
  private readonly graph = inject(Graph);
  private readonly clock = inject(CLOCK);
  private readonly alone = inject(ALONE);
  private running: Promise<boolean> | null = null;
  private cancel = (): void => undefined;

  /** Told when the session was found to be over while nobody asked for anything. */
  onOver: () => void = () => undefined;

  /** Whether this browser had a session that may still be renewed. */
  get isWorthTrying(): boolean {
    return mark() !== null;
  }

  /** When access was last renewed by any tab, ms; 0: not known. */
  get renewedAt(): number {
    return mark()?.renewedAt ?? 0;
  }

  /** A session began, or its access was renewed; `expiresAt` in ISO 8601. */
  begun(expiresAt: string): void {
    const known: Mark = { expiresAt: Date.parse(expiresAt), renewedAt: this.clock.now() };
    store(MARK, JSON.stringify(known));
    this.goOn();
  }

  /** There is no session any more. */
  ended(): void {
    this.cancel();
    store(MARK, null);
  }

  /** Renew ahead of time from now on, if there is something to renew. */
  goOn(): void {
    this.cancel();
    const known = mark();
    if (!known) return;
    const until = Math.max(known.expiresAt - AHEAD - this.clock.now(), LEAST);
    this.cancel = this.clock.after(until, () => void this.ahead());
  }

  /**
   * True when there is access again; false when the session is over. Rejects with GraphError when nobody can tell.
   *
   * `askedAt` (ms) is when the question was asked that was refused: access that any tab got since need not be renewed.
   */
  renew(askedAt: number | null = null): Promise<boolean> {
    const since = askedAt ?? this.renewedAt;
    this.running ??= this.alone('cryptwire.renewal', () => this.once(since)).finally(() => (this.running = null));
    return this.running;
  }

  private async once(since: number): Promise<boolean> {
    if (this.renewedAt > since) {
      this.goOn();
      return true; // another tab was first
    }
    try {
      const { refreshSession } = await this.graph.mutateOnce(RefreshSessionDocument, {});
      this.begun(refreshSession.expiresAt);
      return true;
    } catch (error) {
      if (!(error instanceof GraphError) || (error.code !== 'UNAUTHENTICATED' && error.code !== 'INVALID')) throw error;
      this.ended();
      return false;
    }
  }

  private async ahead(): Promise<void> {
    const known = mark();
    if (known && known.expiresAt - this.clock.now() > AHEAD) {
      this.goOn(); // another tab has renewed it
      return;
    }
    try {
      if (!(await this.renew())) this.onOver();
    } catch {
      this.goOn(); // asked again in a while; until then whatever is refused asks by itself
    }
  }
}

function mark(): Mark | null {
  try {
    const known = JSON.parse(stored(MARK) ?? 'null') as Mark | null;
    return known && Number.isFinite(known.expiresAt) && Number.isFinite(known.renewedAt) ? known : null;
  } catch {
    return null;
  }
}
