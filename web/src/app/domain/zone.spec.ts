import { bar } from '../testing/bars';
import type { Bar } from './bar';
import { onWallClock, Zone } from './zone';

const at = (text: string): number => Date.parse(text) / 1000;
const wall = (time: number): string => new Date(time * 1000).toISOString().slice(0, 16).replace('T', ' ');

/** Bars of so many seconds from `start` to `end` (excluded), each closing one higher. */
function bars(start: string, end: string, seconds: number): Bar[] {
  const all: Bar[] = [];
  for (let time = at(start); time < at(end); time += seconds)
    all.push(bar(time, all.length + 1, { open: all.length, volume: 1 }));
  return all;
}

function ascends(shown: readonly Bar[]): boolean {
  return shown.every((each, i) => i === 0 || shown[i - 1]!.time < each.time);
}

describe('offset of a zone', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29T00:59:59Z', 3600],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 7200],
    ['Europe/Berlin', '2026-10-25T00:59:59Z', 7200],
    ['Europe/Berlin', '2026-10-25T01:00:00Z', 3600],
    ['America/New_York', '2026-03-08T06:59:59Z', -18_000],
    ['America/New_York', '2026-03-08T07:00:00Z', -14_400],
    ['America/New_York', '2026-11-01T05:59:59Z', -14_400],
    ['America/New_York', '2026-11-01T06:00:00Z', -18_000],
    ['Asia/Kolkata', '2026-07-01T00:00:00Z', 19_800],
    ['Asia/Kolkata', '2026-12-01T00:00:00Z', 19_800],
    ['Australia/Lord_Howe', '2026-04-04T14:59:59Z', 39_600],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', 37_800],
    ['Australia/Lord_Howe', '2026-10-03T15:29:59Z', 37_800],
    ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', 39_600],
    ['Etc/UTC', '2026-07-01T00:00:00Z', 0],
  ])('%s at %s is %i s', (name, moment, offset) => {
    expect(new Zone(name).offsetAt(at(moment))).toBe(offset);
  });

  it('is that of UTC for a zone that nobody knows', () => {
    expect(Zone.of('Mars/Olympus').offsetAt(at('2026-07-01T00:00:00Z'))).toBe(0);
  });
});

describe('bars on the wall clock', () => {
  it('folds the hour that Berlin repeats in autumn', () => {
    const shown = onWallClock(bars('2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z', 900), new Zone('Europe/Berlin'));
    expect(shown.map(({ time }) => wall(time).slice(11))).toEqual([
      '01:30', '01:45', '02:00', '02:15', '02:30', '02:45', '03:00', '03:15',
    ]); // prettier-ignore
    // 02:00 is both 00:00 UTC (the third bar) and 01:00 UTC (the seventh).
    expect(shown[2]).toMatchObject({ open: 2, close: 7, high: 7, low: 2, volume: 2 });
    expect(shown[6]).toMatchObject({ open: 10, close: 11, volume: 1 });
  });

  it('folds the hour that New York repeats in autumn', () => {
    const shown = onWallClock(bars('2026-11-01T04:00:00Z', '2026-11-01T08:00:00Z', 3600), new Zone('America/New_York'));
    expect(shown.map(({ time }) => wall(time))).toEqual(['2026-11-01 00:00', '2026-11-01 01:00', '2026-11-01 02:00']);
    expect(shown[1]).toMatchObject({ open: 1, close: 3 });
  });

  it('folds the half hour that Lord Howe repeats', () => {
    const shown = onWallClock(
      bars('2026-04-04T14:00:00Z', '2026-04-04T16:00:00Z', 900),
      new Zone('Australia/Lord_Howe'),
    );
    expect(shown.map(({ time }) => wall(time).slice(11))).toEqual([
      '01:00',
      '01:15',
      '01:30',
      '01:45',
      '02:00',
      '02:15',
    ]);
    expect(ascends(shown)).toBe(true);
  });

  it('leaves out the hour that Berlin skips in spring', () => {
    const shown = onWallClock(bars('2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', 900), new Zone('Europe/Berlin'));
    expect(shown.map(({ time }) => wall(time).slice(11))).toEqual(['01:30', '01:45', '03:00', '03:15']);
  });

  it('shows Kolkata half past', () => {
    const shown = onWallClock(bars('2026-06-30T18:30:00Z', '2026-06-30T20:30:00Z', 3600), new Zone('Asia/Kolkata'));
    expect(shown.map(({ time }) => wall(time))).toEqual(['2026-07-01 00:00', '2026-07-01 01:00']);
  });

  it.each([
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kolkata',
    'Africa/Casablanca',
    'America/St_Johns',
  ])('ascends over a year of %s and loses no trade', (name) => {
    const year = bars('2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z', 900);
    const shown = onWallClock(year, new Zone(name));
    expect(ascends(shown)).toBe(true);
    expect(shown.reduce((sum, { volume }) => sum + volume, 0)).toBe(year.length);
  });

  it('ascends though bars of the repeated hour are missing', () => {
    const all = bars('2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z', 900);
    const shown = onWallClock(
      [...all.slice(0, 2), ...all.slice(4, 6), all[6]!, ...all.slice(9)],
      new Zone('Europe/Berlin'),
    );
    expect(ascends(shown)).toBe(true);
  });
});
