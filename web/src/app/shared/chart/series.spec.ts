import type { Bar } from '../../domain/bar';
import { bar } from '../../testing/bars';
import { HandClock, settled } from '../../testing/hand-clock';
import {
  type BarListener,
  type Datafeed,
  DatafeedError,
  type Page,
  type Period,
  type SymbolInfo,
} from '../datafeed/datafeed';
import { PAGE, Series } from './series';

const symbol: SymbolInfo = {
  ticker: 'HOPPER:1',
  description: '',
  timezone: 'Etc/UTC',
  pricescale: 100,
  currency: 'USDT',
};
const NOW = Date.UTC(2026, 10, 20, 12) / 1000;
const OPEN = NOW - (NOW % 900);

/** A server with one bar each 900 s up to the open one, that answers when a test lets it. */
class FakeDatafeed implements Datafeed {
  bars: Bar[] = [];
  asked: Period[] = [];
  failures = 0;
  snapshot: Bar | null = null;
  listener: BarListener | null = null;
  isHeld = false;
  private held: (() => void)[] = [];

  constructor(count: number) {
    for (let i = count - 1; i >= 0; i--) this.bars.push(bar(OPEN - i * 900, count - i));
  }

  async getBars(_: SymbolInfo, __: string, period: Period): Promise<Page> {
    this.asked.push(period);
    const before = this.bars.filter(({ time }) => time < period.to);
    if (this.isHeld) await new Promise<void>((go) => this.held.push(go));
    if (this.failures-- > 0) throw new DatafeedError('unreachable', 'no');
    const bars = before.slice(-period.countBack);
    return { bars, noData: bars.length === 0 };
  }
  release(): void {
    this.isHeld = false;
    for (const go of this.held.splice(0)) go();
  }
  resolveSymbol = async (): Promise<SymbolInfo> => symbol;
  getMarks = async (): Promise<never[]> => [];
  subscribeBars(_: SymbolInfo, __: string, listener: BarListener): string {
    this.listener = listener;
    if (this.snapshot) listener.onBar(this.snapshot);
    return 'one';
  }
  unsubscribeBars(): void {
    this.listener = null;
  }
}

function setUp(count: number) {
  const datafeed = new FakeDatafeed(count);
  const clock = new HandClock(NOW * 1000);
  const errors: string[] = [];
  let pages = 0;
  let updates = 0;
  const series = new Series(datafeed, symbol, '15', clock, {
    onBars: () => pages++,
    onBar: () => updates++,
    onError: ({ code }) => errors.push(code),
  });
  return { datafeed, clock, series, errors, pages: () => pages, updates: () => updates };
}

const hasNoGap = (bars: readonly Bar[]): boolean =>
  bars.every(({ time }, i) => i === 0 || time === bars[i - 1]!.time + 900);

describe('a series', () => {
  it('begins with the newest page, the open bar included', async () => {
    const { series } = setUp(1000);
    await series.start();
    expect([series.bars.length, series.bars.at(-1)!.time]).toEqual([PAGE, OPEN]);
  });

  it('goes back page by page and stops at the start of history', async () => {
    const { series, datafeed } = setUp(PAGE + 50);
    await series.start();
    await series.older();
    expect([series.bars.length, series.hasEnded]).toEqual([PAGE + 50, false]);
    await series.older();
    expect(series.hasEnded).toBe(true);
    const asked = datafeed.asked.length;
    await series.older();
    expect(datafeed.asked).toHaveLength(asked);
    expect(hasNoGap(series.bars)).toBe(true);
  });

  it('asks for one older page at a time', async () => {
    const { series, datafeed } = setUp(2000);
    await series.start();
    datafeed.isHeld = true;
    void series.older();
    void series.older();
    datafeed.release();
    await settled();
    expect(datafeed.asked).toHaveLength(2);
    expect(series.bars).toHaveLength(2 * PAGE);
  });

  it('takes live bars: the same time replaces, a later one follows', async () => {
    const { series, datafeed, updates } = setUp(10);
    await series.start();
    datafeed.listener!.onBar(bar(OPEN, 77));
    datafeed.listener!.onBar(bar(OPEN + 900, 78));
    expect(series.bars.slice(-2).map(({ close }) => close)).toEqual([77, 78]);
    expect([series.bars.length, updates()]).toEqual([11, 2]);
  });

  it('puts live bars that came while a page was under way on top of it', async () => {
    const { series, datafeed } = setUp(10);
    datafeed.isHeld = true;
    const started = series.start();
    datafeed.listener!.onBar(bar(OPEN, 77));
    datafeed.release();
    await started;
    expect(series.bars.at(-1)!.close).toBe(77);
    expect(series.bars).toHaveLength(10);
  });

  it('reads what it missed, however much, and leaves no gap', async () => {
    const { series, datafeed, clock } = setUp(10);
    await series.start();
    for (let i = 1; i <= 1500; i++) datafeed.bars.push(bar(OPEN + i * 900, i));
    clock.turn(1500 * 900_000);
    datafeed.listener!.onMissed();
    datafeed.listener!.onBar(bar(OPEN + 1500 * 900, 9));
    await settled();
    expect(series.bars).toHaveLength(1510);
    expect(hasNoGap(series.bars)).toBe(true);
    expect(series.bars.at(-1)!.close).toBe(9);
  });

  it('reads the missed bars again until it succeeds', async () => {
    const { series, datafeed, clock, errors } = setUp(10);
    await series.start();
    datafeed.bars.push(bar(OPEN + 900, 5));
    clock.turn(900_000);
    datafeed.failures = 2;
    datafeed.listener!.onMissed();
    await settled();
    expect(series.bars).toHaveLength(10);
    for (let i = 0; i < 2; i++) {
      clock.turn(5000);
      await settled();
    }
    expect([series.bars.length, errors]).toEqual([11, []]);
  });

  it('reads all again when history changed, and forgets what is no longer there', async () => {
    const { series, datafeed } = setUp(10);
    await series.start();
    datafeed.bars = datafeed.bars.filter((_, i) => i !== 4).map((each) => ({ ...each, volume: 3 }));
    datafeed.listener!.onReset();
    await settled();
    expect(series.bars).toHaveLength(9);
    expect(series.bars.every(({ volume }) => volume === 3)).toBe(true);
  });

  it('reports a failed start, draws no lone live bar, and begins again', async () => {
    const { series, datafeed, errors, clock, updates } = setUp(10);
    datafeed.failures = 1;
    await series.start();
    datafeed.listener!.onBar(bar(OPEN, 77));
    expect([errors, series.bars, updates()]).toEqual([['unreachable'], [], 0]);
    clock.turn(5000);
    await settled();
    expect(series.bars).toHaveLength(10);
  });

  it('reads one page at first though a live bar comes with the subscription and the view asks for older ones', async () => {
    const { series, datafeed, pages } = setUp(1000);
    datafeed.snapshot = bar(OPEN, 77);
    const started = series.start();
    void series.older();
    await started;
    expect([datafeed.asked.length, pages(), series.bars.length, series.bars.at(-1)!.close]).toEqual([1, 1, PAGE, 77]);
  });

  it('begins with the first live bar when there is no history yet', async () => {
    const { series, datafeed, updates } = setUp(0);
    await series.start();
    datafeed.listener!.onBar(bar(OPEN, 77));
    expect([series.bars.length, updates()]).toEqual([1, 1]);
  });

  it('is silent after it was stopped', async () => {
    const { series, datafeed, pages, updates } = setUp(10);
    datafeed.isHeld = true;
    const started = series.start();
    const { listener } = datafeed;
    series.stop();
    datafeed.release();
    await started;
    listener!.onBar(bar(OPEN, 77));
    expect([pages(), updates(), datafeed.listener]).toEqual([0, 0, null]);
  });
});
