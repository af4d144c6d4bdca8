import { effect, inject, Injectable, signal } from '@angular/core';

import { CLOCK } from '../../core/clock';
import { Config } from '../../core/config';
import { Session } from '../../core/session/session';
import { type Connection, Stream } from './stream';
import { UdfDatafeed } from './udf-datafeed';

/** The app's one datafeed and its one stream. */
@Injectable({ providedIn: 'root' })
export class Live {
  private readonly config = inject(Config);
  private readonly session = inject(Session);
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
    inject(CLOCK),
    (state) => this.state.set(state),
    () => this.session.expire(),
  );
  readonly datafeed = new UdfDatafeed(this.config.udf, this.stream, () => this.session.expire());

  constructor() {
    effect(() => {
      if (this.session.user()) this.stream.restart();
    });
    window.addEventListener('online', () => this.stream.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.stream.retryNow();
    });
  }
}
