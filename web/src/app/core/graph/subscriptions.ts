import { inject, Injectable, InjectionToken } from '@angular/core';
import type { Client } from 'graphql-ws';

import type { TypedDocumentString } from '../../../generated/graphql';
import { CLOCK } from '../clock';
import { Config } from '../config';

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
const SESSION_ENDED = 4401;
const NOT_ALLOWED = 4403;

/** What one subscription tells; `failed` has the code of the socket's close, 0 for anything else. It ends it, as `ended` does. */
export interface Telling {
  data(value: Record<string, unknown>): void;
  failed(code: number): void;
  ended(): void;
}

/** Opens one subscription over the one socket; the answer ends it. */
export type Subscribe = (query: string, variables: Record<string, unknown>, telling: Telling) => () => void;

/** graphql-transport-ws; the cookie says who it is. Loaded when first needed. */
export const SUBSCRIBE = new InjectionToken<Subscribe>('Subscribe', {
  providedIn: 'root',
  factory: () => {
    const config = inject(Config);
    let client: Promise<Client> | null = null;
    const connect = async (): Promise<Client> => {
      const { createClient } = await import('graphql-ws');
      return createClient({ url: config.graphqlSocket, lazy: true, retryAttempts: 0, keepAlive: 10_000 });
    };
    return (query, variables, telling) => {
      let isOver = false;
      let end = (): void => undefined;
      client ??= connect();
      client.then(
        (made) => {
          if (isOver) return;
          end = made.subscribe<Record<string, unknown>>(
            { query, variables },
            {
              next: ({ data }) => {
                if (data) telling.data(data);
              },
              error: (error) => telling.failed(codeOf(error)),
              complete: () => telling.ended(),
            },
          );
        },
        () => {
          client = null; // its code could not be loaded: fetched anew at the next try
          telling.failed(0);
        },
      );
      return () => {
        isOver = true;
        end();
      };
    };
  },
});

/**
 * Things that are told as they happen. Each subscription is held up: after a loss it is begun again, after 1 s, then twice
 * as long each time up to 30 s, a quarter less or none by chance; what was missed meanwhile is for the reader to read again.
 */
@Injectable({ providedIn: 'root' })
export class Subscriptions {
  /** Asked when the server closes for want of a session: true when there is one again. */
  onUnauthenticated: () => Promise<boolean> = () => Promise.resolve(false);
  private readonly clock = inject(CLOCK);
  private readonly subscribe = inject(SUBSCRIBE);

  /** `then` hears each value; `again` hears of each loss that is over. The answer ends it. */
  follow<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    then: (data: Data) => void,
    again: () => void = () => undefined,
  ): () => void {
    let failures = 0;
    let isOver = false;
    let end = (): void => undefined;
    let cancel = (): void => undefined;
    const later = (): void => {
      if (isOver) return;
      const pause = Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE) * (0.75 + 0.25 * this.clock.random());
      failures++;
      cancel = this.clock.after(pause, begin);
    };
    const begin = (): void => {
      const isAgain = failures > 0;
      let isHeard = false;
      end = this.subscribe(document.toString(), variables as Record<string, unknown>, {
        data: (data) => {
          if (isOver) return;
          if (isAgain && !isHeard) again();
          isHeard = true;
          failures = 0;
          then(data as Data);
        },
        failed: (code) => {
          if (isOver) return;
          if (code !== SESSION_ENDED && code !== NOT_ALLOWED) later();
          else
            void this.onUnauthenticated().then(
              (isBack) => {
                if (isBack) later();
              },
              () => later(),
            );
        },
        ended: later,
      });
    };
    begin();
    return () => {
      isOver = true;
      cancel();
      end();
    };
  }
}

function codeOf(error: unknown): number {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : null;
  return typeof code === 'number' ? code : 0;
}
