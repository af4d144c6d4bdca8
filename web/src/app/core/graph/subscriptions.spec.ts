import { TestBed } from '@angular/core/testing';

import { AccountChangedDocument } from '../../../generated/graphql';
import { HandClock, settled } from '../../testing/hand-clock';
import { CLOCK } from '../clock';
import { SUBSCRIBE, Subscriptions, type Telling } from './subscriptions';

function setUp() {
  const clock = new HandClock();
  const begun: Telling[] = [];
  let ended = 0;
  TestBed.configureTestingModule({
    providers: [
      { provide: CLOCK, useValue: clock },
      {
        provide: SUBSCRIBE,
        useValue: (_query: string, _variables: object, telling: Telling) => {
          begun.push(telling);
          return () => ended++;
        },
      },
    ],
  });
  const subscriptions = TestBed.inject(Subscriptions);
  const heard: unknown[] = [];
  const again: number[] = [];
  const stop = subscriptions.follow(
    AccountChangedDocument,
    {},
    (data) => heard.push(data),
    () => again.push(clock.now()),
  );
  return { clock, begun, heard, again, stop, subscriptions, ended: () => ended };
}

describe('a subscription', () => {
  it('is begun again after a loss, later each time, and says so once it is heard', () => {
    const { clock, begun, heard, again } = setUp();
    begun[0]!.failed(1006);
    clock.turn(999);
    expect(begun).toHaveLength(1);
    clock.turn(1);
    begun[1]!.ended();
    clock.turn(1999);
    expect(begun).toHaveLength(2);
    clock.turn(1);
    expect(again).toHaveLength(0);
    begun[2]!.data({ accountChanged: true });
    begun[2]!.data({ accountChanged: true });
    expect([heard.length, again.length]).toEqual([2, 1]);
    begun[2]!.failed(0);
    clock.turn(1000);
    expect(begun).toHaveLength(4);
  });

  it('never waits longer than half a minute', () => {
    const { clock, begun } = setUp();
    for (let i = 0; i < 12; i++) {
      begun.at(-1)!.failed(1006);
      clock.turn(30_000);
    }
    expect(begun).toHaveLength(13);
  });

  it('that is closed for want of a session goes on when there is one again', async () => {
    const { clock, begun, subscriptions } = setUp();
    subscriptions.onUnauthenticated = () => Promise.resolve(true);
    begun[0]!.failed(4401);
    await settled();
    clock.turn(1000);
    expect(begun).toHaveLength(2);
  });

  it('that is closed for want of a session rests when the session is over', async () => {
    const { clock, begun } = setUp();
    begun[0]!.failed(4401);
    await settled();
    clock.turn(120_000);
    expect(begun).toHaveLength(1);
  });

  it('that is not wanted any more is ended and not begun again', () => {
    const { clock, begun, heard, stop, ended } = setUp();
    stop();
    begun[0]!.data({ accountChanged: true });
    begun[0]!.failed(1006);
    clock.turn(60_000);
    expect([begun.length, heard.length, ended()]).toEqual([1, 0, 1]);
  });
});
