import { bar } from '../testing/bars';
import { barAt, fold, isSound, merged, withBar } from './bar';

describe('fold', () => {
  it('keeps the first open, the extremes, the last close, and adds what was traded', () => {
    const first = { time: 0, open: 10, high: 14, low: 9, close: 12, volume: 5 };
    const then = { time: 900, open: 12, high: 13, low: 7, close: 8, volume: 2 };
    expect(fold(first, then)).toEqual({ time: 0, open: 10, high: 14, low: 7, close: 8, volume: 7 });
  });
});

describe('withBar', () => {
  const bars = [bar(0, 1), bar(900, 2), bar(1800, 3)];

  it('replaces the whole last bar', () => {
    expect(withBar(bars, bar(1800, 9))).toEqual([bar(0, 1), bar(900, 2), bar(1800, 9)]);
  });
  it('appends the next', () => {
    expect(withBar(bars, bar(2700, 4)).map(({ time }) => time)).toEqual([0, 900, 1800, 2700]);
  });
  it('takes the final state of a bar that is no longer the last', () => {
    expect(withBar(bars, bar(900, 7)).map(({ close }) => close)).toEqual([1, 7, 3]);
  });
  it('fills a gap in its place', () => {
    expect(withBar([bar(0), bar(1800)], bar(900)).map(({ time }) => time)).toEqual([0, 900, 1800]);
  });
  it('begins a series', () => {
    expect(withBar([], bar(900))).toEqual([bar(900)]);
  });
  it('leaves what it was given as it was', () => {
    withBar(bars, bar(900, 7));
    expect(bars[1]!.close).toBe(2);
  });
});

describe('merged', () => {
  it('is ascending with each time once, whatever the order of the pages', () => {
    const pages = merged([bar(1800), bar(900)], [bar(900), bar(0), bar(2700)]);
    expect(pages.map(({ time }) => time)).toEqual([0, 900, 1800, 2700]);
  });
  it('believes the newer page where both know a bar', () => {
    expect(merged([bar(900, 1)], [bar(900, 2)])).toEqual([bar(900, 2)]);
  });
  it('joins pages that only touch', () => {
    expect(merged([bar(0), bar(900)], [bar(1800), bar(2700)])).toHaveLength(4);
  });
});

describe('barAt', () => {
  const bars = [bar(900), bar(1800), bar(3600)];

  it.each([
    [899, undefined],
    [900, 900],
    [1799, 900],
    [1800, 1800],
    [3000, 1800],
    [9999, 3600],
  ])('%i lies in the bar of %s', (time, opens) => {
    expect(barAt(bars, time)?.time).toBe(opens);
  });
});

describe('isSound', () => {
  it.each([
    ['NaN', { close: NaN }],
    ['no end', { high: Infinity }],
    ['a high below the close', { high: 99 }],
    ['a low above the open', { low: 101 }],
    ['a missing number', { volume: undefined as unknown as number }],
  ])('refuses %s', (_, wrong) => {
    expect(isSound(bar(0, 100))).toBe(true);
    expect(isSound({ ...bar(0, 100), ...wrong })).toBe(false);
  });
});
