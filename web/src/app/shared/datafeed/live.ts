import { effect, inject, Injectable, signal } from '@angular/core';

import { CLOCK } from '../../core/clock';
import { Config } from '../../core/config';
import { Session } from '../../core/session/session';
import { type Connection, Stream } from './stream';
import { UdfDatafeed } from './udf-datafeed';

/** A stream that is closed so soon after access was renewed is closed for good, ms. */
const AT_ONCE = 5_000;
/** Pause until access is asked for again when nobody could tell, ms. */
const LATER = 5_000;

/** The app's one datafeed and its one stream. */
@Injectable({ providedIn: 'root' })
export class Live {
  private readonly config = inject(Config);
  private readonly session = inject(Session);
  private readonly clock = inject(CLOCK);
  private readonly state = signal<Connection>({ kind: 'idle', since: 0 });

  readonly connection = this.state.asReadonly();
  private readonly stream = new Stream(
    ({ onOpen, onFrame, onClose }) => {
      const socket = new WebSocket(this.config.stream);
      socket.addEventListener('open', onOpen);
      socket.addEventListener('message', ({ data }) => onFrame(data));
      socket.addEventListener('close', ({ code }) => onClose(code));
      return socket;
    },
    this.clock,
    (state) => this.state.set(state),
    () => void this.goOn(),
  );
  readonly datafeed = new UdfDatafeed(this.config.udf, this.stream, () => this.session.recover());

  private restartedAt = -Infinity;

  constructor() {
    effect(() => {
      if (this.session.user()) this.stream.restart();
    });
    window.addEventListener('online', () => this.stream.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.stream.retryNow();
    });
  }

  /** The stream was closed for want of a session. Once there is access again it goes on; closed at once again, it is over. */
  private async goOn(): Promise<void> {
    const isAgain = this.clock.now() - this.restartedAt < AT_ONCE;
    try {
      if (isAgain) this.session.expire();
      else if (await this.session.recover()) {
        this.restartedAt = this.clock.now();
        this.stream.restart();
      }
    } catch {
      this.clock.after(LATER, () => void this.goOn());
    }
  }
}
