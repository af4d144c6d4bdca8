interface Priced {
  readonly asset: string;
  readonly price: number | null;
  readonly value: number | null;
}

/** Most valuable first; what has no value comes last, by name. */
export function byValue<T extends Priced>(holdings: readonly T[]): T[] {
  return [...holdings].sort((a, b) => (b.value ?? -1) - (a.value ?? -1) || a.asset.localeCompare(b.asset));
}

/** A part of the whole as a fraction in [0, 1]; nothing of nothing is 0. */
export function shareOf(part: number | null, whole: number): number {
  return part === null || !(whole > 0) ? 0 : Math.max(0, Math.min(1, part / whole));
}

/** Price of a pair such as "BTC/USDT" from the holdings, which are priced in `base`; null when it is quoted in another currency. */
export function priceOfPair(pair: string, base: string, holdings: readonly Priced[]): number | null {
  const [asset, quote] = pair.toUpperCase().split(/[/_-]/);
  if (quote !== base.toUpperCase()) return null;
  return holdings.find((each) => each.asset.toUpperCase() === asset)?.price ?? null;
}
