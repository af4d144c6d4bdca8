/** The currencies of the regions that a browser names most often; elsewhere a guess by continent. */
const OF_REGIONS: Readonly<Record<string, string>> = {
  US: 'USD',
  GB: 'GBP',
  CH: 'CHF',
  JP: 'JPY',
  AU: 'AUD',
  CA: 'CAD',
  NZ: 'NZD',
  IN: 'INR',
  SE: 'SEK',
  NO: 'NOK',
  DK: 'DKK',
  PL: 'PLN',
  CZ: 'CZK',
  BR: 'BRL',
  TR: 'TRY',
  SG: 'SGD',
  HK: 'HKD',
  KR: 'KRW',
  ZA: 'ZAR',
  MX: 'MXN',
};

/** Every time zone the engine knows, UTC and `mine` among them, in the order of the alphabet. */
export function zones(mine: string): string[] {
  return [...new Set([...Intl.supportedValuesOf('timeZone'), 'UTC', mine])].filter(Boolean).sort();
}

/** The zone that the device is set to. */
export function zoneHere(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** How far a zone is from UTC at `now` (ms), as "+02:00". */
export function offsetOf(zone: string, now: number): string {
  const name = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    .formatToParts(now)
    .find(({ type }) => type === 'timeZoneName')?.value;
  return name?.replace('GMT', '') || '+00:00';
}

/** Code and English name of every currency the engine knows, by code, `mine` among them. */
export function currencies(mine: string): { code: string; name: string }[] {
  const names = new Intl.DisplayNames('en', { type: 'currency' });
  return [...new Set([...Intl.supportedValuesOf('currency'), mine])]
    .filter(Boolean)
    .sort()
    .map((code) => ({ code, name: names.of(code) ?? code }));
}

/** The currency that somebody with this language and zone most likely reckons in. */
export function currencyOf(language: string, zone: string): string {
  const region = /-([A-Z]{2})\b/.exec(language)?.[1];
  return OF_REGIONS[region ?? ''] ?? (zone.startsWith('Europe/') ? 'EUR' : 'USD');
}
