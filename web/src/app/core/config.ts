import { Injectable } from '@angular/core';

export interface Demo {
  readonly email: string;
  readonly password: string;
}

interface Served {
  readonly graphql: string;
  readonly udf: string;
  readonly stream: string;
  readonly demo: Demo | null;
}

/** Where the servers are, from `/config.json` beside the app. Read before anything else is shown. */
@Injectable({ providedIn: 'root' })
export class Config {
  private served: Served = { graphql: '/graphql', udf: '/udf', stream: '/stream', demo: null };

  /** Rejects when the file cannot be had: a guess would hide it. */
  async load(): Promise<void> {
    const answer = await fetch('/config.json', { credentials: 'same-origin', cache: 'no-store' });
    if (!answer.ok) throw new Error(`/config.json answered ${answer.status}`);
    this.served = { ...this.served, ...((await answer.json()) as Partial<Served>) };
  }

  get graphql(): string {
    return new URL(this.served.graphql, document.baseURI).href;
  }

  /** Where subscriptions are spoken: the same path, with the scheme of a WebSocket. */
  get graphqlSocket(): string {
    return this.graphql.replace(/^http/, 'ws');
  }

  /** Where all of one's data is downloaded. */
  get export(): string {
    return new URL('/export', this.graphql).href;
  }

  get udf(): string {
    return this.served.udf.replace(/\/$/, '');
  }

  /** The address of the stream, with the scheme of a WebSocket. */
  get stream(): string {
    return new URL(this.served.stream, document.baseURI).href.replace(/^http/, 'ws');
  }

  get demo(): Demo | null {
    return this.served.demo;
  }
}
