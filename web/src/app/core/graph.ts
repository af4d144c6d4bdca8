import { inject, Injectable } from '@angular/core';
import { type Client, createClient, fetchExchange } from '@urql/core';

import type { TypedDocumentString } from '../../generated/graphql';
import { Config } from './config';

const TIMEOUT = 12_000;

/** Codes of the server, and UNREACHABLE for an answer that did not come. */
export type GraphCode = 'UNAUTHENTICATED' | 'NOT_FOUND' | 'INVALID' | 'UNAVAILABLE' | 'INTERNAL' | 'UNREACHABLE';

export class GraphError extends Error {
  constructor(
    readonly code: GraphCode,
    message: string,
  ) {
    super(message);
  }
}

/** GraphQL over HTTP, always from the network. Rejects with GraphError. */
@Injectable({ providedIn: 'root' })
export class Graph {
  /** Called for every answer that says that nobody is signed in. */
  onUnauthenticated: () => void = () => undefined;
  private readonly config = inject(Config);
  private made: Client | null = null;

  query<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    return this.run<Data>(this.client.query(document.toString(), variables).toPromise());
  }

  mutate<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    return this.run<Data>(this.client.mutation(document.toString(), variables).toPromise());
  }

  private async run<Data>(asked: Promise<{ data?: unknown; error?: Failure }>): Promise<Data> {
    const { data, error } = await asked;
    if (error) {
      const failure = errorOf(error);
      if (failure.code === 'UNAUTHENTICATED') this.onUnauthenticated();
      throw failure;
    }
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
        return fetch(input, { ...init, signal: AbortSignal.any(signals) });
      },
    });
    return this.made;
  }
}

interface Failure {
  readonly graphQLErrors: readonly { message: string; extensions?: Record<string, unknown> }[];
  readonly response?: { status?: number };
}

const CODES: readonly unknown[] = ['UNAUTHENTICATED', 'NOT_FOUND', 'INVALID', 'UNAVAILABLE', 'INTERNAL'];

export function errorOf({ graphQLErrors, response }: Failure): GraphError {
  const first = graphQLErrors[0];
  const code = first?.extensions?.['code'];
  if (first && CODES.includes(code)) return new GraphError(code as GraphCode, first.message);
  if (response?.status === 401) return new GraphError('UNAUTHENTICATED', 'Your session has ended.');
  if (first) return new GraphError('INTERNAL', first.message);
  return new GraphError('UNREACHABLE', 'Cryptwire cannot be reached.');
}
