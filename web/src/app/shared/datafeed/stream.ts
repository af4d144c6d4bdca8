import type { Clock } from '../../core/clock';
import { type Bar, isSound } from '../../domain/bar';
import type { Resolution } from '../../domain/resolution';
import { type BarListener, DatafeedError } from './datafeed';

/** `connecting` before the first frame; `retrying` while a loss is young; `offline` when it lasts. `since`: last frame, ms. */
export interface Connection {
  readonly kind: 'idle' | 'connecting' | 'live' | 'retrying' | 'offline';
  readonly since: number;
}

/** As much of a WebSocket as is used here. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

/** What a socket tells. */
export interface SocketEvents {
  onOpen(): void;
  onFrame(data: unknown): void;
  onClose(code: number): void;
}

/** No frame for so long (the server says something each 5 s): the connection is dead, whatever the socket says. */
export const SILENCE = 10_000;
/** A loss that lasts longer is no hiccup. */
export const OFFLINE_AFTER = 30_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
const SESSION_ENDED = 4401;
/** Refusals that mean something to a reader. */
const CODES = ['unknown_symbol', 'forbidden'] as const;

interface Channel {
  readonly symbol: string;
  readonly resolution: Resolution;
  readonly listeners: Map<string, BarListener>;
  last: Bar | null;
}

/**
 * Live bars over one WebSocket, which is open while somebody is subscribed.
 *
 * Lives by frames received, not by what the socket claims. After a loss it tries again after 1 s, then twice as long each
 * time up to 30 s, a quarter less or none by chance; the pause starts anew only when a frame has come. On the new connection
 * every channel is subscribed again and its listeners are told to read what they may have missed, so that no gap stays.
 */
export class Stream {
  private readonly channels = new Map<string, Channel>();
  private socket: Socket | null = null;
  private failures = 0;
  private lastFrameAt = 0;
  private wasLive = false;
  private connections = 0;
  private isOpen = false;
  private hasEnded = false;
  private count = 0;
  private cancelSilence = (): void => undefined;
  private cancelRetry = (): void => undefined;
  private cancelOffline = (): void => undefined;
  private state: Connection = { kind: 'idle', since: 0 };

  /** `onState` hears of every change; `onSessionEnded` of close code 4401, after which nothing is tried until `restart`. */
  constructor(
    private readonly open: (events: SocketEvents) => Socket,
    private readonly clock: Clock,
    private readonly onState: (state: Connection) => void,
    private readonly onSessionEnded: () => void,
  ) {}

  subscribe(symbol: string, resolution: Resolution, listener: BarListener): string {
    const key = keyOf(symbol, resolution);
    const id = `${key}/${++this.count}`;
    let channel = this.channels.get(key);
    if (!channel) {
      channel = { symbol, resolution, listeners: new Map(), last: null };
      this.channels.set(key, channel);
      if (this.isOpen) this.say('subscribe', channel);
    } else if (channel.last) {
      listener.onBar(channel.last);
    }
    channel.listeners.set(id, listener);
    if (this.state.kind === 'idle' && !this.hasEnded) this.connect();
    return id;
  }

  unsubscribe(id: string): void {
    for (const [key, channel] of this.channels) {
      if (!channel.listeners.delete(id) || channel.listeners.size > 0) continue;
      this.channels.delete(key);
      if (this.isOpen) this.say('unsubscribe', channel);
    }
    if (this.channels.size === 0) this.stop();
  }

  /** Try at once, for instance because the browser says that the network is back. */
  retryNow(): void {
    if (this.channels.size === 0 || this.hasEnded || this.state.kind === 'live' || this.socket) return;
    this.cancelRetry();
    this.connect();
  }

  /** After a new sign-in: begin again. */
  restart(): void {
    this.hasEnded = false;
    this.retryNow();
  }

  private connect(): void {
    if (this.state.kind === 'idle') this.become('connecting');
    const connection = ++this.connections;
    const isCurrent = (): boolean => connection === this.connections;
    this.socket = this.open({
      onOpen: () => {
        if (!isCurrent()) return;
        this.isOpen = true;
        for (const channel of this.channels.values()) this.say('subscribe', channel);
      },
      onFrame: (data) => {
        if (isCurrent()) this.onFrame(data);
      },
      onClose: (code) => {
        if (isCurrent()) this.onLost(code);
      },
    });
    this.listenForSilence();
  }

  private onFrame(data: unknown): void {
    this.lastFrameAt = this.clock.now();
    this.listenForSilence();
    if (this.state.kind !== 'live') {
      const mayHaveMissed = this.wasLive || this.failures > 0;
      this.failures = 0;
      this.wasLive = true;
      this.cancelOffline();
      this.become('live');
      if (mayHaveMissed) {
        for (const channel of this.channels.values())
          for (const listener of channel.listeners.values()) listener.onMissed();
      }
    }
    const frame = frameOf(data);
    if (!frame) return;
    const channel = this.channels.get(keyOf(String(frame['symbol']), String(frame['resolution'])));
    if (!channel) return;
    if (frame['type'] === 'bar') {
      const bar = barOf(frame['bar']);
      if (!bar) return;
      if (!channel.last || bar.time >= channel.last.time) channel.last = bar;
      for (const listener of channel.listeners.values()) listener.onBar(bar);
    } else if (frame['type'] === 'reset') {
      this.reset(channel);
    } else if (frame['type'] === 'error') {
      const code = CODES.find((each) => each === frame['code']) ?? 'invalid';
      const error = new DatafeedError(code, String(frame['message'] ?? 'Live prices cannot be followed.'));
      for (const listener of channel.listeners.values()) listener.onError(error);
    }
  }

  private reset(channel: Channel): void {
    for (const listener of channel.listeners.values()) listener.onReset();
  }

  private onLost(code: number): void {
    this.drop();
    if (code === SESSION_ENDED) {
      this.hasEnded = true;
      this.cancelOffline();
      this.become('offline');
      this.onSessionEnded();
      return;
    }
    if (this.state.kind === 'live' || this.state.kind === 'connecting') {
      this.become('retrying');
      this.cancelOffline = this.clock.after(OFFLINE_AFTER, () => this.become('offline'));
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE) * (0.75 + 0.25 * this.clock.random());
    this.failures++;
    this.cancelRetry = this.clock.after(pause, () => this.connect());
  }

  private listenForSilence(): void {
    this.cancelSilence();
    this.cancelSilence = this.clock.after(SILENCE, () => this.onLost(0));
  }

  /** Forget the socket; a frame or a close that it still brings is not heard. */
  private drop(): void {
    this.cancelSilence();
    this.isOpen = false;
    this.connections++;
    this.socket?.close();
    this.socket = null;
  }

  private stop(): void {
    this.cancelRetry();
    this.cancelOffline();
    this.drop();
    this.failures = 0;
    this.wasLive = false;
    this.become('idle');
  }

  private become(kind: Connection['kind']): void {
    this.state = { kind, since: this.lastFrameAt || this.clock.now() };
    this.onState(this.state);
  }

  private say(action: 'subscribe' | 'unsubscribe', { symbol, resolution }: Channel): void {
    this.socket?.send(JSON.stringify({ action, symbol, resolution }));
  }
}

function keyOf(symbol: string, resolution: string): string {
  return `${symbol}@${resolution}`;
}

function frameOf(data: unknown): Record<string, unknown> | null {
  try {
    const frame: unknown = JSON.parse(String(data));
    return typeof frame === 'object' && frame !== null ? (frame as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** A sound bar, or null: what is broken must not move a chart. */
function barOf(value: unknown): Bar | null {
  if (typeof value !== 'object' || value === null) return null;
  const { time, open, high, low, close, volume } = value as Bar;
  const bar: Bar = { time, open, high, low, close, volume: volume ?? 0 };
  return isSound(bar) ? bar : null;
}
