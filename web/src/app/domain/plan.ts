/** What a plan is called. */
export function planName(plan: string): string {
  return plan.charAt(0).toUpperCase() + plan.slice(1);
}

/** What the permissions that a plan adds mean to a person; what has no words yet is not praised. */
const OPENS: Readonly<Record<string, string>> = {
  'view live-portfolio': 'Live value, holdings and positions of every hopper',
  'view live-candles': 'Charts that move with every price, day and night',
};

/** What a plan gives, in words: `opens` are the permissions it adds to the free one. */
export function openedBy(plan: string, opens: readonly string[]): string[] {
  if (plan === 'free')
    return ['Charts of every hopper with the past 90 days', 'Trades, statistics and notices', 'Your data as files'];
  return ['Everything of Free', ...opens.flatMap((permission) => OPENS[permission] ?? [])];
}

/** A day as a person says it, in a zone: "4 December 2026"; empty when there is none. */
export function dayOf(moment: string | null, zone: string): string {
  if (moment === null) return '';
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: zone }).format(
    Date.parse(moment),
  );
}

/** Day and time of day, in a zone: "4 Dec 2026, 09:05". */
export function momentOf(moment: string, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(
    Date.parse(moment),
  );
}
