import type { Bar } from '../../domain/bar';
import { bar } from '../../testing/bars';
import { HandClock } from '../../testing/hand-clock';
import type { BarListener } from './datafeed';
import { type Connection, OFFLINE_AFTER, SILENCE, type SocketEvents, Stream } from './stream';

class FakeSocket {
  readonly sent: string[] = [];
  isClosed = false;

  constructor(readonly events: SocketEvents) {}

  send(text: string): void {
    const { action, symbol, resolution } = JSON.parse(text) as Record<string, string>;
    this.sent.push(`${action} ${symbol} ${resolution}`);
  }
  close(): void {
    this.isClosed = true;
  }
  says(frame: object): void {
    this.events.onFrame(JSON.stringify(frame));
  }
  tells(one: Bar, resolution = '15'): void {
    this.says({ type: 'bar', symbol: 'HOPPER:1', resolution, bar: one, final: false, seq: 1 });
  }
}

function setUp(chance = 1) {
  const clock = new HandClock(undefined, chance);
  const sockets: FakeSocket[] = [];
  const states: Connection[] = [];
  let ended = 0;
  const stream = new Stream(
    (events) => {
      sockets.push(new FakeSocket(events));
      return sockets.at(-1)!;
    },
    clock,
    (state) => states.push(state),
    () => ended++,
  );
  const heard: string[] = [];
  const listener: BarListener = {
    onBar: ({ close }) => heard.push(`bar ${close}`),
    onMissed: () => heard.push('missed'),
    onReset: () => heard.push('reset'),
    onError: ({ code }) => heard.push(code),
  };
  return {
    clock,
    sockets,
    stream,
    heard,
    listener,
    socket: () => sockets.at(-1)!,
    state: () => states.at(-1)?.kind,
    since: () => states.at(-1)?.since,
    ended: () => ended,
  };
}

/** Subscribed, open, and one frame received. */
function live() {
  const all = setUp();
  const id = all.stream.subscribe('HOPPER:1', '15', all.listener);
  all.socket().events.onOpen();
  all.socket().says({ type: 'alive' });
  return { ...all, id };
}

describe('the stream', () => {
  it('opens with the first subscription and closes with the last', () => {
    const { stream, sockets, listener, state, clock } = setUp();
    expect(sockets).toHaveLength(0);
    const id = stream.subscribe('HOPPER:1', '15', listener);
    expect([sockets.length, state()]).toEqual([1, 'connecting']);
    stream.unsubscribe(id);
    expect([sockets[0]!.isClosed, state(), clock.waiting]).toEqual([true, 'idle', 0]);
  });

  it('is live by a frame, not by an open socket', () => {
    const { stream, socket, listener, state } = setUp();
    stream.subscribe('HOPPER:1', '15', listener);
    socket().events.onOpen();
    expect(state()).toBe('connecting');
    socket().says({ type: 'alive' });
    expect(state()).toBe('live');
  });

  it('asks once for two listeners of one series, and gives the second what is known', () => {
    const { stream, socket, heard, listener, id } = live();
    socket().tells(bar(900, 7));
    const second = stream.subscribe('HOPPER:1', '15', listener);
    expect(socket().sent).toEqual(['subscribe HOPPER:1 15']);
    expect(heard).toEqual(['bar 7', 'bar 7']);
    stream.unsubscribe(id);
    expect(socket().sent).toHaveLength(1);
    stream.subscribe('HOPPER:2', '60', listener);
    stream.unsubscribe(second);
    expect(socket().sent.slice(1)).toEqual(['subscribe HOPPER:2 60', 'unsubscribe HOPPER:1 15']);
  });

  it('gives a bar to its own series only', () => {
    const { stream, socket, heard } = live();
    const other: string[] = [];
    stream.subscribe('HOPPER:1', '60', { ...silent, onBar: () => other.push('bar') });
    socket().tells(bar(900, 7));
    expect([heard, other]).toEqual([['bar 7'], []]);
  });

  it('does not pass on what is broken', () => {
    const { socket, heard } = live();
    socket().events.onFrame('{"type":"bar"');
    socket().tells({ ...bar(900, 7), high: 1 });
    socket().tells({ ...bar(900, 7), close: null as unknown as number });
    expect(heard).toEqual([]);
  });

  it('passes on resets and errors', () => {
    const { socket, heard } = live();
    socket().says({ type: 'reset', symbol: 'HOPPER:1', resolution: '15' });
    socket().says({ type: 'error', symbol: 'HOPPER:1', resolution: '15', code: 'unknown_symbol', message: 'no' });
    expect(heard).toEqual(['reset', 'unknown_symbol']);
  });
});

describe('after a loss the stream', () => {
  it('tries after 1 s, doubling to 30 s', () => {
    const { clock, sockets } = live();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      const count = sockets.length;
      sockets.at(-1)!.events.onClose(1006);
      let waited = 0;
      while (sockets.length === count) {
        clock.turn(500);
        waited += 500;
      }
      pauses.push(waited / 1000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it('waits a quarter less at most, by chance', () => {
    const { stream, sockets, clock, listener } = setUp(0);
    stream.subscribe('HOPPER:1', '15', listener);
    sockets[0]!.events.onClose(1006);
    clock.turn(749);
    expect(sockets).toHaveLength(1);
    clock.turn(1);
    expect(sockets).toHaveLength(2);
  });

  it('begins again with 1 s only after a frame, not after an open socket', () => {
    const { clock, sockets, socket } = live();
    socket().events.onClose(1006);
    clock.turn(1000);
    socket().events.onOpen();
    socket().events.onClose(1006);
    clock.turn(1999);
    expect(sockets).toHaveLength(2);
    clock.turn(1);
    socket().events.onOpen();
    socket().says({ type: 'alive' });
    socket().events.onClose(1006);
    clock.turn(1000);
    expect(sockets).toHaveLength(4);
  });

  it('subscribes again to all and tells that bars may be missing, once frames come', () => {
    const { stream, clock, socket, heard, listener } = live();
    stream.subscribe('HOPPER:1', '1D', listener);
    socket().events.onClose(1006);
    clock.turn(1000);
    socket().events.onOpen();
    expect(socket().sent).toEqual(['subscribe HOPPER:1 15', 'subscribe HOPPER:1 1D']);
    expect(heard).toEqual([]);
    socket().tells(bar(900, 8));
    expect(heard).toEqual(['missed', 'missed', 'bar 8']);
  });

  it('tells of missing bars also when the very first connection was late', () => {
    const { stream, clock, socket, heard, listener } = setUp();
    stream.subscribe('HOPPER:1', '15', listener);
    socket().events.onClose(1006);
    clock.turn(1000);
    socket().events.onOpen();
    socket().says({ type: 'alive' });
    expect(heard).toEqual(['missed']);
  });

  it('is retrying, then offline since the last frame, then live', () => {
    const { clock, socket, state, since } = live();
    const last = clock.now();
    clock.turn(2000);
    socket().events.onClose(1006);
    expect([state(), since()]).toEqual(['retrying', last]);
    clock.turn(OFFLINE_AFTER);
    expect([state(), since()]).toEqual(['offline', last]);
    socket().events.onOpen();
    socket().says({ type: 'alive' });
    expect(state()).toBe('live');
  });

  it('tries at once when the network is back', () => {
    const { stream, clock, sockets, socket } = live();
    socket().events.onClose(1006);
    stream.retryNow();
    expect(sockets).toHaveLength(2);
    clock.turn(5000);
    expect(sockets).toHaveLength(2);
  });

  it('does not try when nobody listens any more', () => {
    const { stream, clock, sockets, socket, id } = live();
    socket().events.onClose(1006);
    stream.unsubscribe(id);
    clock.turn(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe('a socket that is open and silent', () => {
  it('is given up after ten seconds, and its late frames are not heard', () => {
    const { clock, sockets, state, heard } = live();
    clock.turn(SILENCE - 1);
    expect(state()).toBe('live');
    clock.turn(1);
    expect([state(), sockets[0]!.isClosed]).toEqual(['retrying', true]);
    sockets[0]!.tells(bar(900, 7));
    sockets[0]!.events.onClose(1006);
    expect([state(), heard]).toEqual(['retrying', []]);
    clock.turn(1000);
    expect(sockets).toHaveLength(2);
  });
  it('is kept as long as it says anything', () => {
    const { clock, sockets, socket } = live();
    for (let i = 0; i < 10; i++) {
      clock.turn(SILENCE - 1);
      socket().says({ type: 'alive' });
    }
    expect(sockets).toHaveLength(1);
  });
  it('is given up though it never opened', () => {
    const { stream, clock, sockets, listener } = setUp();
    stream.subscribe('HOPPER:1', '15', listener);
    clock.turn(SILENCE + 1000);
    expect(sockets).toHaveLength(2);
  });
});

describe('the end of a session', () => {
  it('is told and nothing is tried until the next sign-in', () => {
    const { stream, clock, sockets, socket, ended, listener, id } = live();
    socket().events.onClose(4401);
    clock.turn(120_000);
    stream.retryNow();
    expect([ended(), sockets.length]).toEqual([1, 1]);
    stream.unsubscribe(id);
    stream.subscribe('HOPPER:1', '15', listener);
    expect(sockets).toHaveLength(1);
    stream.restart();
    expect(sockets).toHaveLength(2);
  });
});

const silent: BarListener = {
  onBar: () => undefined,
  onMissed: () => undefined,
  onReset: () => undefined,
  onError: () => undefined,
};
