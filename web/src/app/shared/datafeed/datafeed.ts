import type { Bar } from '../../domain/bar';
import type { Mark } from '../../domain/mark';
import type { Resolution } from '../../domain/resolution';

/** What a chart must know about a series. */
export interface SymbolInfo {
  readonly ticker: string;
  readonly description: string;
  /** IANA zone that days, weeks and months are cut by. */
  readonly timezone: string;
  /** A power of ten: 100 means two decimals. */
  readonly pricescale: number;
  readonly currency: string;
}

/** Bars in `[from, to)`; at least `countBack` of them if they exist, going back beyond `from` for it. Seconds since the epoch. */
export interface Period {
  readonly from: number;
  readonly to: number;
  readonly countBack: number;
}

export interface Page {
  /** Ascending, each time once. */
  readonly bars: readonly Bar[];
  /** True when there is nothing in the period nor before it. */
  readonly noData: boolean;
}

export interface BarListener {
  /** The whole bar: replaces the one of its time, or is the next. */
  onBar(bar: Bar): void;
  /** The connection was gone for a while: read again from the last bar on. */
  onMissed(): void;
  /** History has changed: read again all that is shown. */
  onReset(): void;
  onError(error: DatafeedError): void;
}

/** Shaped like TradingView's datafeed, in promises; times in seconds. */
export interface Datafeed {
  /** Rejects with DatafeedError `unknown_symbol` also when the series is somebody else's. */
  resolveSymbol(name: string): Promise<SymbolInfo>;
  getBars(symbol: SymbolInfo, resolution: Resolution, period: Period): Promise<Page>;
  getMarks(symbol: SymbolInfo, resolution: Resolution, from: number, to: number): Promise<Mark[]>;
  /** Bars from now on; the answer is for `unsubscribeBars`. */
  subscribeBars(symbol: SymbolInfo, resolution: Resolution, listener: BarListener): string;
  unsubscribeBars(subscription: string): void;
}

export type DatafeedCode = 'unknown_symbol' | 'unauthenticated' | 'forbidden' | 'unreachable' | 'invalid';

export class DatafeedError extends Error {
  constructor(
    readonly code: DatafeedCode,
    message: string,
  ) {
    super(message);
  }
}
