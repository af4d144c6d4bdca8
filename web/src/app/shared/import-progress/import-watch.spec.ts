import type { ProgressFragment } from '../../../generated/graphql';
import { HandClock, settled } from '../../testing/hand-clock';
import { ImportWatch } from './import-watch';

function at(done: number): ProgressFragment {
  return {
    state: 'RUNNING',
    stage: 'TRADES',
    hopper: null,
    done,
    total: 10,
    problems: [],
  } as unknown as ProgressFragment;
}

function setUp() {
  const clock = new HandClock();
  let asked = 0;
  let tell: (data: { importProgress: ProgressFragment }) => void = () => undefined;
  let isEnded = false;
  const graph = { query: () => Promise.resolve({ importProgress: at(++asked) }) };
  const subscriptions = {
    follow: (_: unknown, __: unknown, then: typeof tell) => {
      tell = then;
      return () => (isEnded = true);
    },
  };
  const watch = new ImportWatch(graph as never, subscriptions as never, clock);
  return {
    clock,
    watch,
    asked: () => asked,
    tell: (done: number) => tell({ importProgress: at(done) }),
    isEnded: () => isEnded,
  };
}

describe('the progress of an import', () => {
  it('is asked for while nothing is told', async () => {
    const { clock, watch, asked } = setUp();
    watch.start();
    await settled();
    clock.turn(3000);
    await settled();
    expect([asked(), watch.poll.value()?.done]).toEqual([2, 2]);
  });

  it('is not asked for while it is told, and asked for again when that falls silent', async () => {
    const { clock, watch, asked, tell } = setUp();
    watch.start();
    await settled();
    tell(7);
    await settled();
    clock.turn(30_000);
    await settled();
    expect([asked(), watch.poll.value()?.done]).toEqual([1, 7]);
    for (let i = 0; i < 3; i++) {
      clock.turn(3000);
      await settled();
    }
    expect(asked()).toBeGreaterThan(1);
  });

  it('is left in peace when nobody looks any more', async () => {
    const { clock, watch, asked, isEnded } = setUp();
    watch.start();
    await settled();
    watch.stop();
    clock.turn(60_000);
    expect([asked(), isEnded()]).toEqual([1, true]);
  });
});
