import { currencies, currencyOf, offsetOf, zones } from './choices';
import { deviceOf } from './device';
import { partOf, remainsOf } from './progress';
import { codeOf, emailProblem, passwordProblem } from './sign-up';

const NOW = Date.UTC(2026, 10, 20, 12);

describe('a device', () => {
  it.each([
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36',
      'Chrome on Linux',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604.1',
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0',
      'Edge on Windows',
    ],
    ['Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0', 'Firefox on Android'],
    ['curl/8', 'Unknown device'],
  ])('has a name that its owner knows: %s', (userAgent, name) => {
    expect(deviceOf(userAgent)).toBe(name);
  });
});

describe('what is typed at a sign-up', () => {
  it.each([
    ['', 'Enter your e-mail address.'],
    ['x', 'This is not an e-mail address.'],
    ['a b@example.test', 'This is not an e-mail address.'],
    [`${'a'.repeat(250)}@example.test`, 'This is not an e-mail address.'],
    ['a@example.test', null],
  ])('as an address: %s', (email, problem) => {
    expect(emailProblem(email)).toBe(problem);
  });

  it.each([
    ['short', 'At least 10 characters; this has 5.'],
    ['👍'.repeat(9), 'At least 10 characters; this has 9.'],
    ['x'.repeat(1001), 'At most 1000 characters; this has 1001.'],
    ['Me@Example.test', 'Not your e-mail address.'],
    ['right horse battery', null],
  ])('as a password', (password, problem) => {
    expect(passwordProblem(password, 'me@example.test')).toBe(problem);
  });

  it.each([
    ['123 456', '123456'],
    ['123-456', '123456'],
    [' ab12-cd34 ', 'ab12-cd34'],
  ])('as a code: %s', (typed, code) => {
    expect(codeOf(typed)).toBe(code);
  });
});

describe('what a new user is offered', () => {
  it.each([
    ['en-US', 'America/New_York', 'USD'],
    ['de-CH', 'Europe/Zurich', 'CHF'],
    ['de', 'Europe/Berlin', 'EUR'],
    ['es', 'America/Bogota', 'USD'],
  ])('as currency for %s in %s', (language, zone, currency) => {
    expect(currencyOf(language, zone)).toBe(currency);
  });

  it('is every zone, and his own even if the engine does not list it', () => {
    const all = zones('Asia/Calcutta');
    expect(all).toEqual(expect.arrayContaining(['UTC', 'Europe/Berlin', 'Asia/Calcutta']));
    expect(new Set(all).size).toBe(all.length);
    expect(currencies('USD').find(({ code }) => code === 'USD')?.name).toBe('US Dollar');
  });

  it.each([
    ['Europe/Berlin', '+01:00'],
    ['Asia/Kathmandu', '+05:45'],
    ['UTC', '+00:00'],
  ])('with the distance of %s from UTC', (zone, offset) => {
    expect(offsetOf(zone, NOW)).toBe(offset);
  });
});

describe('how far an import is', () => {
  it('is a part of what there is, if that is known', () => {
    expect([partOf(5, 10), partOf(11, 10), partOf(5, null), partOf(0, 0)]).toEqual([0.5, 1, null, null]);
  });

  it.each([
    [4, 'a few seconds left'],
    [0, 'a few seconds left'],
    [-1, null],
    [-60, null],
    [42, 'about 40 s left'],
    [300, 'about 5 min left'],
    [4 * 3600, 'about 4 h left'],
  ])('takes %i s more', (seconds, words) => {
    expect(remainsOf(new Date(NOW + seconds * 1000).toISOString(), NOW)).toBe(words);
  });
});
