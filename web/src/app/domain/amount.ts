import type { Change } from './change';

const LIKE_MONEY = /^(USD[A-Z]?|EUR[A-Z]?|GBP|CHF|AUD|CAD|DAI|BUSD|TUSD|FDUSD|PYUSD|GUSD)$/;

/** What stands for an amount while it is masked; the amount itself is then nowhere in the page. */
export const DOTS = '•••••';

/** How many decimals a user wants: of money and the coins that stand for it, and of all others. */
export interface Decimals {
  readonly stablecoins: number;
  readonly others: number;
}

/** Decimals that a currency is shown with: as wanted, else 2 for money and its twins, 8 for bitcoin, 6 for other coins. */
export function decimalsOf(currency: string, wanted: Decimals | null = null): number {
  if (LIKE_MONEY.test(currency)) return wanted?.stablecoins ?? 2;
  return wanted?.others ?? (currency === 'BTC' ? 8 : 6);
}

/** Decimals of a `pricescale` (a power of ten): 100 has 2. */
export function decimalsOfScale(pricescale: number): number {
  return Math.max(0, Math.min(12, Math.round(Math.log10(pricescale))));
}

/** An amount of a currency with its decimals and grouping, without the code. An exact decimal (text) stays exact until then. */
export function amountOf(value: number | string, currency: string, wanted: Decimals | null = null): string {
  return fixed(value, decimalsOf(currency, wanted));
}

/** A number, or an exact decimal, rounded to so many decimals and grouped; never "-0". */
export function fixed(value: number | string, decimals: number): string {
  // Intl takes a decimal as text and keeps all its digits; the library's types know numbers only.
  return formatOf(decimals, decimals, 'negative').format(value as number);
}

/** A price: at least two decimals, and six digits that count when it is below 1. */
export function priceOf(value: number): string {
  if (value === 0 || Math.abs(value) >= 1)
    return formatOf(2, Math.abs(value) >= 1000 ? 2 : 4, 'negative').format(value);
  const leading = Math.ceil(-Math.log10(Math.abs(value)));
  return formatOf(2, Math.min(leading + 5, 18), 'negative').format(value);
}

/** An exact decimal (text) with grouping; every digit stays, zeros at the end go. */
export function exact(decimal: string): string {
  return formatOf(0, 20, 'negative').format(decimal as unknown as number);
}

/** "+12.30" or "−4.00"; zero has no sign. */
export function signed(value: number, decimals: number): string {
  return formatOf(decimals, decimals, 'exceptZero').format(value).replace('-', '−');
}

/** "+1.23 %"; null (a change from nothing) is a dash. */
export function percent(ratio: number | null): string {
  return ratio === null ? '—' : `${signed(ratio * 100, 2)} %`;
}

/** The arrow that says the direction to those who do not see the colour. */
export function arrowOf(change: Change): string {
  return { up: '▲', down: '▼', flat: '' }[change.direction];
}

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(least: number, most: number, signDisplay: 'negative' | 'exceptZero'): Intl.NumberFormat {
  const key = `${least}/${most}/${signDisplay}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat('en-US', { minimumFractionDigits: least, maximumFractionDigits: most, signDisplay });
    formats.set(key, format);
  }
  return format;
}
