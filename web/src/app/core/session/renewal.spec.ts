import { TestBed } from '@angular/core/testing';

import { HandClock, settled } from '../../testing/hand-clock';
import { CLOCK } from '../clock';
import { FETCH } from '../fetch';
import { ALONE, type Alone, Renewal } from './renewal';

const MARK = 'cryptwire.session';
const TEN_MINUTES = 600_000;

/** Tabs of one browser: one clock, one storage, one lock; each with a renewal of its own. */
function browser(isOver = false) {
  localStorage.clear();
  const clock = new HandClock();
  let asked = 0;
  let tail: Promise<unknown> = Promise.resolve();
  const alone: Alone = (_, then) => {
    const turn = tail.then(then);
    tail = turn.catch(() => undefined);
    return turn;
  };
  const fetcher: typeof fetch = async () => {
    asked++;
    const expiresAt = new Date(clock.now() + TEN_MINUTES).toISOString();
    const body = isOver
      ? { data: null, errors: [{ message: 'over', extensions: { code: 'UNAUTHENTICATED' } }] }
      : { data: { refreshSession: { expiresAt } } };
    return new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
  };
  const tab = (): Renewal => {
    TestBed.resetTestingModule();
    TestBed.configureTestingModule({
      providers: [
        { provide: CLOCK, useValue: clock },
        { provide: FETCH, useValue: fetcher },
        { provide: ALONE, useValue: alone },
      ],
    });
    return TestBed.inject(Renewal);
  };
  return { clock, tab, asked: () => asked };
}

const answered = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('access to a session', () => {
  it('is renewed once, however many ask for it in one tab', async () => {
    const { clock, tab, asked } = browser();
    const renewal = tab();
    renewal.begun(new Date(clock.now()).toISOString());
    clock.turn(1);
    expect(await Promise.all([renewal.renew(), renewal.renew(), renewal.renew()])).toEqual([true, true, true]);
    expect(asked()).toBe(1);
  });

  it('is renewed once over all tabs', async () => {
    const { clock, tab, asked } = browser();
    const tabs = [tab(), tab(), tab()];
    tabs[0]!.begun(new Date(clock.now()).toISOString());
    clock.turn(1);
    expect(await Promise.all(tabs.map((each) => each.renew()))).toEqual([true, true, true]);
    expect(asked()).toBe(1);
  });

  it('is not renewed for a question that was asked before another tab did', async () => {
    const { clock, tab, asked } = browser();
    const [first, second] = [tab(), tab()];
    const askedAt = clock.now();
    clock.turn(100);
    first.begun(new Date(clock.now() + TEN_MINUTES).toISOString());
    clock.turn(100);
    expect(await second.renew(askedAt)).toBe(true);
    expect(asked()).toBe(0);
    expect(await second.renew(clock.now())).toBe(true);
    expect(asked()).toBe(1);
  });

  it('is renewed a minute before it ends, by one tab', async () => {
    const { clock, tab, asked } = browser();
    const [first, second] = [tab(), tab()];
    first.begun(new Date(clock.now() + TEN_MINUTES).toISOString());
    second.goOn();
    clock.turn(TEN_MINUTES - 60_001);
    expect(asked()).toBe(0);
    clock.turn(1);
    await answered();
    expect(asked()).toBe(1);
    clock.turn(TEN_MINUTES - 60_000);
    await answered();
    expect(asked()).toBe(2);
  });

  it('is not renewed without end by a clock that runs ahead', async () => {
    const { clock, tab, asked } = browser();
    tab().begun(new Date(clock.now() - 3_600_000).toISOString());
    clock.turn(59_999);
    await settled();
    expect(asked()).toBe(0);
  });

  it('is over when the server says so, and that is told', async () => {
    const { clock, tab } = browser(true);
    const renewal = tab();
    let isOver = false;
    renewal.onOver = () => (isOver = true);
    renewal.begun(new Date(clock.now() + TEN_MINUTES).toISOString());
    clock.turn(TEN_MINUTES);
    await answered();
    expect([isOver, renewal.isWorthTrying, localStorage.getItem(MARK)]).toEqual([true, false, null]);
  });

  it('is not over because nobody could be asked', async () => {
    const { clock, tab } = browser();
    const renewal = tab();
    TestBed.resetTestingModule();
    TestBed.configureTestingModule({
      providers: [
        { provide: CLOCK, useValue: clock },
        { provide: FETCH, useValue: () => Promise.reject(new TypeError('no network')) },
        { provide: ALONE, useValue: (_: string, then: () => Promise<unknown>) => then() },
      ],
    });
    const offline = TestBed.inject(Renewal);
    renewal.begun(new Date(clock.now()).toISOString());
    expect(await offline.renew().catch((error: { code: string }) => error.code)).toBe('UNREACHABLE');
    expect(offline.isWorthTrying).toBe(true);
  });

  it('that another program wrote nonsense about is not there', () => {
    const { tab } = browser();
    localStorage.setItem(MARK, '{"expiresAt":"soon"');
    expect(tab().isWorthTrying).toBe(false);
  });
});
