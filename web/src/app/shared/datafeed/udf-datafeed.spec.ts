import { DatafeedError, type SymbolInfo } from './datafeed';
import { UdfDatafeed } from './udf-datafeed';

const symbol: SymbolInfo = {
  ticker: 'HOPPER:1',
  description: '',
  timezone: 'Etc/UTC',
  pricescale: 100,
  currency: 'USDT',
};
/** Whether a session that was refused can be renewed. */
let mayRenew = false;
const stream = { subscribe: () => '', unsubscribe: () => undefined };

interface Answer {
  body: unknown;
  status?: number;
}

/** A datafeed whose server gives these answers in turn, the last one for ever, and what it was asked. */
function served(...answers: (Answer | Error)[]): { datafeed: UdfDatafeed; asked: URL[]; expired: () => number } {
  const asked: URL[] = [];
  let expired = 0;
  const fetcher = async (input: RequestInfo | URL): Promise<Response> => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(new URL(String(input), 'http://here'));
    if (answer instanceof Error) throw answer;
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    return new Response(text, { status: answer.status ?? 200 });
  };
  return {
    datafeed: new UdfDatafeed('/udf', stream, () => Promise.resolve((expired++, mayRenew)), fetcher),
    asked,
    expired: () => expired,
  };
}

function ok(...times: number[]): Answer {
  const values = times.map(() => 10);
  return { body: { s: 'ok', t: times, o: values, h: values, l: values, c: values, v: times.map(() => 0) } };
}

const NOTHING: Answer = { body: { s: 'no_data' } };
const period = { from: 0, to: 9000, countBack: 3 };

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof DatafeedError ? `${error.code}: ${error.message}` : String(error)),
  );
}

describe('history', () => {
  it('asks in seconds, with countback', async () => {
    const { datafeed, asked } = served(ok(900, 1800, 2700));
    await datafeed.getBars(symbol, '15', period);
    expect(asked[0]!.pathname).toBe('/udf/history');
    expect(Object.fromEntries(asked[0]!.searchParams)).toEqual({
      symbol: 'HOPPER:1',
      resolution: '15',
      from: '0',
      to: '9000',
      countback: '3',
    });
  });
  it('takes a full page as it is', async () => {
    const { datafeed, asked } = served(ok(900, 1800, 2700));
    const page = await datafeed.getBars(symbol, '15', period);
    expect(page.bars.map(({ time }) => time)).toEqual([900, 1800, 2700]);
    expect(page.noData).toBe(false);
    expect(asked).toHaveLength(1);
  });
  it('asks again, before what it has, for what a page lacks', async () => {
    const { datafeed, asked } = served(ok(4500), ok(900, 1800));
    const page = await datafeed.getBars(symbol, '15', period);
    expect(page.bars.map(({ time }) => time)).toEqual([900, 1800, 4500]);
    expect([asked[1]!.searchParams.get('to'), asked[1]!.searchParams.get('countback')]).toEqual(['4500', '2']);
  });
  it('is content with less when history ends', async () => {
    const { datafeed, asked } = served(ok(4500), NOTHING);
    const page = await datafeed.getBars(symbol, '15', period);
    expect(page).toMatchObject({ bars: [{ time: 4500 }], noData: false });
    expect(asked).toHaveLength(2);
  });
  it('says that there is nothing', async () => {
    expect(await served(NOTHING).datafeed.getBars(symbol, '15', period)).toEqual({ bars: [], noData: true });
  });
  it('follows nextTime over a gap, and not in a circle', async () => {
    const over = served({ body: { s: 'no_data', nextTime: 1800 } }, ok(0, 900, 1800));
    expect((await over.datafeed.getBars(symbol, '15', period)).bars).toHaveLength(3);
    expect(over.asked[1]!.searchParams.get('to')).toBe('1801');
    const circle = served({ body: { s: 'no_data', nextTime: 99_999 } });
    expect((await circle.datafeed.getBars(symbol, '15', period)).noData).toBe(true);
    expect(circle.asked).toHaveLength(1);
  });
  it('does not loop on empty pages nor on a server that repeats itself', async () => {
    const empty = served(ok());
    await empty.datafeed.getBars(symbol, '15', period);
    expect(empty.asked).toHaveLength(1);
    const repeating = served(ok(4500));
    await repeating.datafeed.getBars(symbol, '15', period);
    expect(repeating.asked).toHaveLength(2);
  });
  it('leaves out bars at or after the end and broken ones, and sorts', async () => {
    const { datafeed } = served({
      body: { s: 'ok', t: [1800, 900, 2700, 9000], o: [1, 1, 1, 1], h: [1, 1, 0, 1], l: [1, 1, 1, 1], c: [1, 1, 1, 1] },
    });
    const page = await datafeed.getBars(symbol, '15', { ...period, countBack: 1 });
    expect(page.bars.map(({ time }) => time)).toEqual([900, 1800]);
  });
  it('takes the close where open, high and low are missing', async () => {
    const { datafeed } = served({ body: { s: 'ok', t: [900], c: [7] } });
    const { bars } = await datafeed.getBars(symbol, '1D', { ...period, countBack: 1 });
    expect(bars).toEqual([{ time: 900, open: 7, high: 7, low: 7, close: 7, volume: 0 }]);
  });
});

describe('failures', () => {
  it.each([
    ['the server says so', { body: { s: 'error', errmsg: 'too many' } }, 'invalid: too many'],
    ['the symbol is unknown', { body: { s: 'error', errmsg: 'unknown_symbol' } }, 'unknown_symbol: unknown_symbol'],
    [
      'the answer is no JSON',
      { body: '<html>', status: 502 },
      'unreachable: The price history answered 502 without data.',
    ],
    ['there is no answer', new TypeError('network'), 'unreachable: The price history could not be reached.'],
  ])('are told when %s', async (_, answer, told) => {
    expect(await failureOf(served(answer as Answer).datafeed.getBars(symbol, '15', period))).toBe(told);
  });
  it('of the session are heard by the app', async () => {
    const { datafeed, expired } = served({ body: { s: 'error', errmsg: 'sign in first' }, status: 401 });
    expect(await failureOf(datafeed.getBars(symbol, '15', period))).toContain('unauthenticated');
    expect(expired()).toBe(1);
  });
  it('of a session that could be renewed are asked once more, and no oftener', async () => {
    mayRenew = true;
    const { datafeed, asked, expired } = served({ body: {}, status: 401 }, ok(1000, 2000, 3000));
    expect((await datafeed.getBars(symbol, '15', period)).bars).toHaveLength(3);
    const over = served({ body: {}, status: 401 });
    expect(await failureOf(over.datafeed.getBars(symbol, '15', period))).toContain('unauthenticated');
    expect([asked.length, expired(), over.asked.length, over.expired()]).toEqual([2, 1, 2, 1]);
    mayRenew = false;
  });
});

describe('symbols', () => {
  it('are read', async () => {
    const { datafeed } = served({
      body: {
        name: 'HOPPER:1',
        ticker: 'HOPPER:1',
        description: 'Whale',
        timezone: 'Europe/Berlin',
        pricescale: 1e8,
        currency_code: 'BTC',
      },
    });
    expect(await datafeed.resolveSymbol('HOPPER:1')).toEqual({
      ticker: 'HOPPER:1',
      description: 'Whale',
      timezone: 'Europe/Berlin',
      pricescale: 1e8,
      currency: 'BTC',
    });
  });
  it('are unknown when the answer has an s', async () => {
    expect(
      await failureOf(served({ body: { s: 'error', errmsg: 'unknown_symbol' } }).datafeed.resolveSymbol('HOPPER:9')),
    ).toContain('unknown_symbol');
  });
});

describe('marks', () => {
  it('come as parallel arrays or as objects', async () => {
    const columns = {
      id: ['1', '2'],
      time: [900, 1000],
      label: ['B', 'S'],
      color: ['blue', 'red'],
      text: ['bought', 'sold'],
    };
    const rows = [
      { id: '1', time: 900, label: 'B', color: 'blue', text: 'bought' },
      { id: '2', time: 1000, label: 'S', color: 'red', text: 'sold' },
    ];
    const wanted = [
      { id: '1', time: 900, side: 'buy', text: 'bought' },
      { id: '2', time: 1000, side: 'sell', text: 'sold' },
    ];
    expect(await served({ body: columns }).datafeed.getMarks(symbol, '15', 0, 9000)).toEqual(wanted);
    expect(await served({ body: rows }).datafeed.getMarks(symbol, '15', 0, 9000)).toEqual(wanted);
  });
});
