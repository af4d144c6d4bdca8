import { asGraphError, errorOf } from './graph-error';

describe('a GraphQL failure', () => {
  it.each([
    [{ graphQLErrors: [{ message: 'wrong', extensions: { code: 'INVALID' } }] }, 'INVALID: wrong (null)'],
    [
      { graphQLErrors: [{ message: 'slowly', extensions: { code: 'EXHAUSTED', retryAfter: 33.2 } }] },
      'EXHAUSTED: slowly (34)',
    ],
    [
      { graphQLErrors: [{ message: 'slowly', extensions: { code: 'EXHAUSTED', retryAfter: 'soon' } }] },
      'EXHAUSTED: slowly (null)',
    ],
    [
      { graphQLErrors: [{ message: 'cost 4', extensions: { code: 'TOO_COSTLY', cost: 4, allowed: 3 } }] },
      'TOO_COSTLY: This is more than can be asked for at once; ask for less. (null)',
    ],
    [{ graphQLErrors: [], response: { status: 401 } }, 'UNAUTHENTICATED: Your session has ended. (null)'],
    [{ graphQLErrors: [{ message: 'odd', extensions: { code: 'ODD' } }] }, 'INTERNAL: odd (null)'],
    [{ graphQLErrors: [] }, 'UNREACHABLE: Cryptwire cannot be reached. (null)'],
  ])('has a code, words and perhaps a time to wait', (failure, told) => {
    const { code, message, retryAfter } = errorOf(failure);
    expect(`${code}: ${message} (${retryAfter})`).toBe(told);
  });

  it('of the app itself does not show what was thrown', () => {
    expect(asGraphError(new TypeError('x is undefined')).message).toBe('The app failed to do this.');
  });
});
