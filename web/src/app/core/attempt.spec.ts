import { TestBed } from '@angular/core/testing';

import { HandClock } from '../testing/hand-clock';
import { attempt } from './attempt';
import { CLOCK } from './clock';
import { GraphError } from './graph/graph-error';

function setUp() {
  const clock = new HandClock();
  TestBed.configureTestingModule({ providers: [{ provide: CLOCK, useValue: clock }] });
  return { clock, tried: TestBed.runInInjectionContext(attempt) };
}

describe('an attempt', () => {
  it('that came too often counts down and is not made meanwhile', async () => {
    const { clock, tried } = setUp();
    await tried.run(() => Promise.reject(new GraphError('EXHAUSTED', 'too often', 34)));
    expect([tried.secondsLeft(), tried.isBlocked()]).toEqual([34, true]);
    clock.turn(30_000);
    expect(tried.secondsLeft()).toBe(4);
    expect(await tried.run(() => Promise.resolve('done'))).toBeNull();
    clock.turn(4_000);
    expect(tried.isBlocked()).toBe(false);
    expect(await tried.run(() => Promise.resolve('done'))).toBe('done');
    expect(tried.failure()).toBeNull();
  });

  it('is not made twice at once', async () => {
    const { tried } = setUp();
    let count = 0;
    const work = async (): Promise<number> => ++count;
    const both = await Promise.all([tried.run(work), tried.run(work)]);
    expect([both, count]).toEqual([[1, null], 1]);
  });
});
