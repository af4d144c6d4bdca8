import { ageOf } from './age';
import { amountOf, arrowOf, decimalsOf, decimalsOfScale, exact, fixed, percent, priceOf, signed } from './amount';
import { changeOf } from './change';
import { byValue, priceOfPair, shareOf } from './holding';

describe('amounts', () => {
  it.each([
    ['USDT', 2],
    ['EUR', 2],
    ['BTC', 8],
    ['ETH', 6],
  ])('%s has %i decimals', (currency, decimals) => {
    expect(decimalsOf(currency)).toBe(decimals);
  });
  it('are grouped and have the decimals of their currency', () => {
    expect(amountOf(1234567.891, 'USDT')).toBe('1,234,567.89');
    expect(amountOf(1.5, 'BTC')).toBe('1.50000000');
  });
  it('keep every digit of an exact decimal, however long', () => {
    expect(exact('12345678901234567890.12345678901234567')).toBe('12,345,678,901,234,567,890.12345678901234567');
    expect(exact('0.00012300')).toBe('0.000123');
  });
  it('round an exact decimal without going through a float', () => {
    expect(amountOf('9007199254740993.015', 'USDT')).toBe('9,007,199,254,740,993.02');
  });
  it('never say -0', () => {
    expect(fixed(-0.001, 2)).toBe('0.00');
    expect(signed(-0.001, 2)).toBe('0.00');
  });
  it('say the sign of a change', () => {
    expect(signed(4, 2)).toBe('+4.00');
    expect(signed(-4, 2)).toBe('−4.00');
  });
  it('take the decimals of a scale', () => {
    expect([1, 100, 1e8].map(decimalsOfScale)).toEqual([0, 2, 8]);
  });
});

describe('prices', () => {
  it.each([
    [61250.456, '61,250.46'],
    [1.23456, '1.2346'],
    [0.4521, '0.4521'],
    [0.00000812, '0.00000812'],
    [0, '0.00'],
  ])('%f is %s', (value, text) => {
    expect(priceOf(value)).toBe(text);
  });
});

describe('changes', () => {
  it('have sign, arrow and direction together', () => {
    const up = changeOf(100, 101.234);
    expect([arrowOf(up), percent(up.ratio), up.direction]).toEqual(['▲', '+1.23 %', 'up']);
    const down = changeOf(100, 99);
    expect([arrowOf(down), percent(down.ratio), down.direction]).toEqual(['▼', '−1.00 %', 'down']);
  });
  it('are neutral when they are noise', () => {
    const change = changeOf(100, 100.004);
    expect([arrowOf(change), percent(change.ratio), change.direction]).toEqual(['', '0.00 %', 'flat']);
  });
  it('have no percentage when there was nothing', () => {
    expect(changeOf(0, 5)).toEqual({ amount: 5, ratio: null, direction: 'up' });
    expect(percent(null)).toBe('—');
  });
});

describe('ages', () => {
  it.each([
    [-5_000, 'now'],
    [2_900, 'now'],
    [12_000, '12 s'],
    [150_000, '2 min'],
    [7 * 3_600_000, '7 h'],
    [3 * 86_400_000, '3 d'],
  ])('%i ms is %s', (age, text) => {
    expect(ageOf(0, age)).toBe(text);
  });
});

describe('holdings', () => {
  const holdings = [
    { asset: 'LUNC', price: null, value: null },
    { asset: 'ADA', price: 0.4, value: 40 },
    { asset: 'BTC', price: 60_000, value: 600 },
  ];

  it('come with the most valuable first and those without a price last', () => {
    expect(byValue(holdings).map(({ asset }) => asset)).toEqual(['BTC', 'ADA', 'LUNC']);
  });
  it('have a share of the whole', () => {
    expect(shareOf(40, 160)).toBe(0.25);
    expect([shareOf(null, 160), shareOf(1, 0)]).toEqual([0, 0]);
  });
  it('price a pair only in their own currency', () => {
    expect(priceOfPair('BTC/USDT', 'USDT', holdings)).toBe(60_000);
    expect(priceOfPair('BTC/EUR', 'USDT', holdings)).toBeNull();
    expect(priceOfPair('LUNC-USDT', 'USDT', holdings)).toBeNull();
  });
});
