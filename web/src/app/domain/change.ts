/** How a value moved. `ratio` is null when it started at nothing: there is no percentage of zero. */
export interface Change {
  readonly amount: number;
  readonly ratio: number | null;
  readonly direction: 'up' | 'down' | 'flat';
}

/** Moves below this fraction are noise and are shown without a colour. */
export const NOISE = 0.00005;

export function changeOf(from: number, to: number): Change {
  const amount = to - from;
  const ratio = from > 0 ? amount / from : null;
  const isNoise = ratio === null ? amount === 0 : Math.abs(ratio) < NOISE;
  return { amount, ratio, direction: isNoise ? 'flat' : amount > 0 ? 'up' : 'down' };
}
