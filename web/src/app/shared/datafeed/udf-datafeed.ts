import { type Bar, isSound, merged } from '../../domain/bar';
import type { Mark } from '../../domain/mark';
import type { Resolution } from '../../domain/resolution';
import { type BarListener, type Datafeed, DatafeedError, type Page, type Period, type SymbolInfo } from './datafeed';
import type { Stream } from './stream';

/** Pages asked for one period at most: a server that never delivers must not keep us asking. */
const MOST_PAGES = 20;
const TIMEOUT = 15_000;

type Body = Record<string, unknown>;

/**
 * TradingView's UDF protocol over HTTP, live bars over our stream. `onUnauthenticated` hears of a 401 and says whether there
 * is access again: then the question is repeated, once.
 */
export class UdfDatafeed implements Datafeed {
  constructor(
    private readonly baseUrl: string,
    private readonly stream: Pick<Stream, 'subscribe' | 'unsubscribe'>,
    private readonly onUnauthenticated: () => Promise<boolean> = () => Promise.resolve(false),
    private readonly fetcher: typeof fetch = (...args) => fetch(...args),
  ) {}

  async resolveSymbol(name: string): Promise<SymbolInfo> {
    const body = await this.get('symbols', { symbol: name });
    if ('s' in body) throw new DatafeedError('unknown_symbol', textOf(body['errmsg'], 'unknown_symbol'));
    return {
      ticker: textOf(body['ticker'] ?? body['name'], name),
      description: textOf(body['description'], name),
      timezone: textOf(body['timezone'], 'Etc/UTC'),
      pricescale: typeof body['pricescale'] === 'number' && body['pricescale'] >= 1 ? body['pricescale'] : 100,
      currency: textOf(body['currency_code'], ''),
    };
  }

  /** Asks again for what a page lacks of `countBack`, and follows `nextTime` over a gap, until history ends. */
  async getBars(symbol: SymbolInfo, resolution: Resolution, period: Period): Promise<Page> {
    let bars: Bar[] = [];
    let { from, to } = period;
    for (let page = 0; page < MOST_PAGES; page++) {
      const missing = Math.max(1, period.countBack - bars.length);
      const body = await this.get('history', {
        symbol: symbol.ticker,
        resolution,
        from: String(Math.min(from, to)),
        to: String(to),
        countback: String(missing),
      });
      if (body['s'] === 'no_data') {
        const next = body['nextTime'];
        if (typeof next !== 'number' || next >= to) return { bars, noData: bars.length === 0 };
        from = next;
        to = next + 1;
        continue;
      }
      if (body['s'] !== 'ok') throw errorOf(body, 200);
      const read = barsOf(body).filter((bar) => bar.time < to);
      const first = read[0];
      if (!first) return { bars, noData: bars.length === 0 };
      bars = merged(read, bars);
      if (bars.length >= period.countBack) return { bars, noData: false };
      to = first.time;
    }
    return { bars, noData: false };
  }

  async getMarks(symbol: SymbolInfo, resolution: Resolution, from: number, to: number): Promise<Mark[]> {
    const body: unknown = await this.get('marks', {
      symbol: symbol.ticker,
      from: String(from),
      to: String(to),
      resolution,
    });
    const rows = Array.isArray(body) ? (body as Body[]) : rowsOf(body as Body);
    return rows.flatMap((row) => markOf(row) ?? []);
  }

  subscribeBars(symbol: SymbolInfo, resolution: Resolution, listener: BarListener): string {
    return this.stream.subscribe(symbol.ticker, resolution, listener);
  }

  unsubscribeBars(subscription: string): void {
    this.stream.unsubscribe(subscription);
  }

  private async fetched(path: string, query: Record<string, string>): Promise<Response> {
    try {
      return await this.fetcher(`${this.baseUrl}/${path}?${new URLSearchParams(query)}`, {
        credentials: 'same-origin',
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT),
      });
    } catch {
      throw new DatafeedError('unreachable', 'The price history could not be reached.');
    }
  }

  private async get(path: string, query: Record<string, string>): Promise<Body> {
    let answer = await this.fetched(path, query);
    if (answer.status === 401 && (await this.onUnauthenticated().catch(() => false)))
      answer = await this.fetched(path, query);
    if (answer.status === 401) throw new DatafeedError('unauthenticated', 'Your session has ended.');
    let body: unknown;
    try {
      body = await answer.json();
    } catch {
      throw new DatafeedError('unreachable', `The price history answered ${answer.status} without data.`);
    }
    if (typeof body !== 'object' || body === null)
      throw new DatafeedError('invalid', 'The price history is unreadable.');
    if ((body as Body)['s'] === 'error') throw errorOf(body as Body, answer.status);
    if (!answer.ok) throw new DatafeedError('unreachable', `The price history answered ${answer.status}.`);
    return body as Body;
  }
}

function errorOf(body: Body, status: number): DatafeedError {
  const message = textOf(body['errmsg'], 'The price history cannot be read.');
  if (message === 'unknown_symbol') return new DatafeedError('unknown_symbol', message);
  return new DatafeedError(status >= 500 ? 'unreachable' : 'invalid', message);
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value ? value : otherwise;
}

/** Bars of a columnar answer; `o`, `h`, `l` may be missing (then the close counts), unsound rows are left out. */
function barsOf(body: Body): Bar[] {
  const column = (name: string): number[] => (Array.isArray(body[name]) ? (body[name] as number[]) : []);
  const [t, o, h, l, c, v] = ['t', 'o', 'h', 'l', 'c', 'v'].map(column) as [
    number[],
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  const bars = t.map((time, i) => {
    const close = c[i] ?? NaN;
    return { time, open: o[i] ?? close, high: h[i] ?? close, low: l[i] ?? close, close, volume: v[i] ?? 0 };
  });
  return merged([], bars.filter(isSound));
}

/** Rows of an object of parallel arrays; a scalar counts for every row. */
function rowsOf(body: Body): Body[] {
  const ids = Array.isArray(body['id']) ? (body['id'] as unknown[]) : [];
  return ids.map((_, i) =>
    Object.fromEntries(
      Object.entries(body).map(([key, value]) => [key, Array.isArray(value) ? (value as unknown[])[i] : value]),
    ),
  );
}

/** A mark, or null when it has no time. A sell says S in its label, or is red. */
function markOf(row: Body): Mark | null {
  const { id, time, label, color, text } = row;
  if (typeof time !== 'number' || !Number.isFinite(time)) return null;
  const isSell = label === 'S' || (label !== 'B' && (color === 'red' || color === 'orange'));
  return { id: String(id), time, side: isSell ? 'sell' : 'buy', text: textOf(text, isSell ? 'Sell' : 'Buy') };
}
