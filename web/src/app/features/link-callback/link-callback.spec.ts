import { refusalOf } from './link-callback';

describe('an answer of Cryptohopper', () => {
  it.each([
    ['access_denied', false, /You said no/],
    ['temporarily_unavailable', false, /temporarily_unavailable/],
    [null, false, /not whole/],
  ])('that is a refusal is said in words: %s', (error, isWhole, words) => {
    expect(refusalOf(error, isWhole)).toMatch(words);
  });

  it('that has a code is gone on with', () => {
    expect(refusalOf(null, true)).toBeNull();
  });
});
