/** Codes of the server, and UNREACHABLE for an answer that did not come. */
export const CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'INVALID',
  'EXHAUSTED',
  'TOO_COSTLY',
  'CODE_NEEDED',
  'LINK_AGAIN',
  'UNAVAILABLE',
  'INTERNAL',
  'UNREACHABLE',
] as const;

export type GraphCode = (typeof CODES)[number];

/** Why a question has no answer; `retryAfter` (seconds) says when EXHAUSTED is over. */
export class GraphError extends Error {
  constructor(
    readonly code: GraphCode,
    message: string,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export interface Failure {
  readonly graphQLErrors: readonly { message: string; extensions?: Record<string, unknown> }[];
  readonly response?: { status?: number };
}

/** The first error decides. What has no code of ours is INTERNAL; what is no answer of GraphQL is told by its status. */
export function errorOf({ graphQLErrors, response }: Failure): GraphError {
  const first = graphQLErrors[0];
  const code = first?.extensions?.['code'];
  if (code === 'TOO_COSTLY') return new GraphError(code, 'This is more than can be asked for at once; ask for less.');
  if (first && (CODES as readonly unknown[]).includes(code))
    return new GraphError(code as GraphCode, first.message, secondsOf(first.extensions?.['retryAfter']));
  if (response?.status === 401) return new GraphError('UNAUTHENTICATED', 'Your session has ended.');
  if (first) return new GraphError('INTERNAL', first.message);
  return new GraphError('UNREACHABLE', 'Cryptwire cannot be reached.');
}

/** What a `catch` caught, as an error with a code; `message` is for what is a fault of the app itself. */
export function asGraphError(caught: unknown, message = 'The app failed to do this.'): GraphError {
  return caught instanceof GraphError ? caught : new GraphError('INTERNAL', message);
}

function secondsOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null;
}
