import { bar } from '../testing/bars';
import { grouped, type Mark } from './mark';
import { Zone } from './zone';

const mark = (time: number, side: 'buy' | 'sell' = 'buy'): Mark => ({ id: `${time}${side}`, time, side, text: '' });

describe('marks', () => {
  const bars = [bar(900), bar(1800), bar(2700)];
  const zone = new Zone('America/New_York');

  it('are gathered by bar and side', () => {
    const groups = grouped([mark(2000), mark(950), mark(1799), mark(1000, 'sell')], bars, zone, true);
    expect(groups.map((each) => [each.bar.time, each.side, each.marks.length])).toEqual([
      [900, 'buy', 2],
      [900, 'sell', 1],
      [1800, 'buy', 1],
    ]);
  });
  it('are left out before the first bar', () => {
    expect(grouped([mark(100)], bars, zone, true)).toEqual([]);
  });
  it('go to the local date when bars are days', () => {
    const day = (text: string): number => Date.parse(text) / 1000;
    const days = [bar(day('2026-11-18T00:00:00Z')), bar(day('2026-11-19T00:00:00Z')), bar(day('2026-11-20T00:00:00Z'))];
    // 21:00 of the 18th in New York is 02:00 of the 19th in UTC.
    expect(grouped([mark(day('2026-11-19T02:00:00Z'))], days, zone, false)[0]!.bar).toBe(days[0]);
    expect(grouped([mark(day('2026-11-19T00:00:00Z'))], days, zone, false)[0]!.bar).toBe(days[1]);
  });
});
