import type { Clock } from '../../core/clock';
import { type Bar, merged, withBar } from '../../domain/bar';
import { lengthOf, type Resolution } from '../../domain/resolution';
import { type Datafeed, DatafeedError, type SymbolInfo } from '../datafeed/datafeed';

/** Bars of one page: more than a wide screen shows, so that scrolling meets no edge. */
export const PAGE = 300;
/** Bars asked for at once when a tail or a whole series is read again. */
const MOST_AT_ONCE = 1000;
const AGAIN_AFTER = 5_000;
/** How often new bars are looked for where none come live, ms. */
const LOOK_EVERY = 60_000;

export interface SeriesListener {
  /** All bars anew: after a page, a missed stretch or a reset. */
  onBars(bars: readonly Bar[]): void;
  /** One live bar, which is already among `bars`. */
  onBar(bar: Bar): void;
  onError(error: DatafeedError): void;
}

/**
 * The bars of one symbol and resolution: the newest page, older ones on demand until history ends, the last bar alive
 * (or, unless `isLive`, read anew each minute).
 *
 * While a page is under way live bars wait and are put on top of it, since they are newer than what was read. After `stop`
 * nothing is reported any more.
 */
export class Series {
  bars: readonly Bar[] = [];
  hasEnded = false;
  /** Live bars that wait for a page; null while none is under way. */
  private waiting: Bar[] | null = [];
  private hasBegun = false;
  private subscription: string | null = null;
  private isStopped = false;
  private cancelAgain = (): void => undefined;
  private cancelLook = (): void => undefined;

  constructor(
    private readonly datafeed: Datafeed,
    private readonly symbol: SymbolInfo,
    private readonly resolution: Resolution,
    private readonly clock: Clock,
    private readonly listener: SeriesListener,
    private readonly isLive = true,
  ) {}

  /** Follow the last bar and read the newest page. A failure is reported, and it is tried again. */
  async start(): Promise<void> {
    this.cancelAgain();
    this.cancelLook();
    if (this.isLive) this.follow();
    else this.cancelLook = this.clock.after(LOOK_EVERY, () => this.look());
    await this.reading(async () => {
      const to = this.end();
      const page = await this.datafeed.getBars(this.symbol, this.resolution, {
        from: to - PAGE * lengthOf(this.resolution),
        to,
        countBack: PAGE,
      });
      this.hasEnded = page.noData;
      this.hasBegun = true;
      return [...page.bars];
    });
    if (!this.hasBegun && !this.isStopped) this.cancelAgain = this.clock.after(AGAIN_AFTER, () => void this.start());
  }

  /** The page before the first bar, unless one is under way or history has ended. */
  async older(): Promise<void> {
    const first = this.bars[0];
    if (!first || this.hasEnded || this.waiting) return;
    await this.reading(async () => {
      const page = await this.datafeed.getBars(this.symbol, this.resolution, {
        from: first.time - PAGE * lengthOf(this.resolution),
        to: first.time,
        countBack: PAGE,
      });
      const older = page.bars.filter((bar) => bar.time < first.time);
      this.hasEnded = older.length === 0;
      return merged(older, this.bars);
    });
  }

  stop(): void {
    this.isStopped = true;
    this.cancelAgain();
    this.cancelLook();
    if (this.subscription) this.datafeed.unsubscribeBars(this.subscription);
    this.subscription = null;
  }

  private follow(): void {
    this.subscription ??= this.datafeed.subscribeBars(this.symbol, this.resolution, {
      onBar: (bar) => this.onBar(bar),
      onMissed: () => void this.readAgain('tail'),
      onReset: () => void this.readAgain('all'),
      onError: (error) => this.listener.onError(error),
    });
  }

  /** Where live bars are not to be had, new ones are found by looking for them. */
  private look(): void {
    if (this.isStopped) return;
    if (this.hasBegun) void this.readAgain('tail');
    this.cancelLook = this.clock.after(LOOK_EVERY, () => this.look());
  }

  private onBar(bar: Bar): void {
    if (this.isStopped) return;
    if (!this.hasBegun || this.waiting) {
      this.waiting?.push(bar);
      return;
    }
    if (this.bars[0] && bar.time < this.bars[0].time) return;
    this.bars = withBar(this.bars, bar);
    this.listener.onBar(bar);
  }

  /** Reads from the last bar on, or all there is; tries until it succeeds, for a gap must not stay. */
  private async readAgain(what: 'tail' | 'all'): Promise<void> {
    this.cancelAgain();
    if (this.isStopped) return;
    const again = (): void => {
      this.cancelAgain = this.clock.after(AGAIN_AFTER, () => void this.readAgain(what));
    };
    if (this.waiting) return again();
    const since = (what === 'tail' ? this.bars.at(-1) : this.bars[0])?.time;
    if (since === undefined) return this.start();
    try {
      await this.reading(async () => {
        const read = await this.since(since);
        return merged(
          this.bars.filter((bar) => bar.time < since),
          read,
        );
      }, true);
    } catch {
      again();
    }
  }

  private async since(since: number): Promise<Bar[]> {
    let read: readonly Bar[] = [];
    let to = this.end();
    for (;;) {
      const countBack = Math.min(MOST_AT_ONCE, Math.ceil((to - since) / lengthOf(this.resolution)) + 2);
      const page = await this.datafeed.getBars(this.symbol, this.resolution, { from: since, to, countBack });
      read = merged(page.bars, read);
      const first = page.bars[0];
      if (!first || first.time <= since || first.time >= to) return read.filter((bar) => bar.time >= since);
      to = first.time;
    }
  }

  private async reading(read: () => Promise<Bar[]>, throws = false): Promise<void> {
    this.waiting ??= [];
    try {
      const bars = await read();
      if (this.isStopped) return;
      this.bars = this.waiting.reduce<readonly Bar[]>(withBar, bars);
      this.waiting = null;
      this.listener.onBars(this.bars);
    } catch (error) {
      const waited = this.waiting ?? [];
      this.waiting = null;
      if (this.isStopped) return;
      for (const bar of waited) this.onBar(bar);
      if (throws || !(error instanceof DatafeedError)) throw error;
      this.listener.onError(error);
    }
  }

  /** Later than the open bar: dates of a zone east of Greenwich run ahead of UTC by up to 14 hours. */
  private end(): number {
    return Math.ceil(this.clock.now() / 1000) + lengthOf(this.resolution);
  }
}
