/** How far something is, 0 to 1; null when nobody knows how much there is. */
export function partOf(done: number, total: number | null): number | null {
  return total === null || total <= 0 ? null : Math.min(1, Math.max(0, done / total));
}

/**
 * How long something still takes, in words that do not promise too much; null when nobody knows, as when it was to be
 * over by now.
 */
export function remainsOf(endsAt: string | null, now: number): string | null {
  if (endsAt === null) return null;
  const seconds = (Date.parse(endsAt) - now) / 1000;
  if (Number.isNaN(seconds) || seconds < 0) return null;
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 90) return `about ${Math.round(seconds / 10) * 10} s left`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `about ${minutes} min left` : `about ${Math.round(minutes / 60)} h left`;
}
