import { inject, Injectable } from '@angular/core';
import { type Client, createClient, createRequest, fetchExchange } from '@urql/core';

import type { TypedDocumentString } from '../../../generated/graphql';
import { CLOCK } from '../clock';
import { Config } from '../config';
import { FETCH } from '../fetch';
import { errorOf, type Failure } from './graph-error';

const TIMEOUT = 12_000;

/** GraphQL over HTTP, always from the network, never an answer to an earlier question. Rejects with GraphError. */
@Injectable({ providedIn: 'root' })
export class Graph {
  /** Told when the server knows no session, and when it was asked (ms): true when there is one again, and it is worth repeating. */
  onUnauthenticated: (askedAt: number) => Promise<boolean> = () => Promise.resolve(false);
  private readonly config = inject(Config);
  private readonly clock = inject(CLOCK);
  private readonly fetch = inject(FETCH);
  private made: Client | null = null;
  private asked = 0;

  query<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    // urql tells questions apart by their key, and a second one with the same key gets the answer that is on its way:
    // it may have been read before the change that made us ask.
    const question = { ...createRequest(document.toString(), variables), key: ++this.asked };
    return this.run<Data>(() => this.client.executeQuery(question).toPromise());
  }

  mutate<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    return this.run<Data>(() => this.client.mutation(document.toString(), variables).toPromise());
  }

  /** As `mutate`, but an ended session is an answer like another: for what begins or renews one. */
  async mutateOnce<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    const { data, error } = await this.client.mutation(document.toString(), variables).toPromise();
    if (error) throw errorOf(error);
    return data as Data;
  }

  /** Nothing was done when the server refused for want of a session, so what changes something is repeated too. */
  private async run<Data>(ask: () => Promise<{ data?: unknown; error?: Failure }>): Promise<Data> {
    const askedAt = this.clock.now();
    let { data, error } = await ask();
    if (error && errorOf(error).code === 'UNAUTHENTICATED' && (await this.onUnauthenticated(askedAt)))
      ({ data, error } = await ask());
    if (error) throw errorOf(error);
    return data as Data;
  }

  private get client(): Client {
    this.made ??= createClient({
      url: this.config.graphql,
      exchanges: [fetchExchange],
      requestPolicy: 'network-only',
      preferGetMethod: false,
      fetchOptions: { credentials: 'same-origin', headers: { 'X-Cryptwire': '1' } },
      fetch: (input, init) => {
        const signals = [AbortSignal.timeout(TIMEOUT), ...(init?.signal ? [init.signal] : [])];
        return this.fetch(input, { ...init, signal: AbortSignal.any(signals) });
      },
    });
    return this.made;
  }
}
