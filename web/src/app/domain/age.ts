/** How long ago, in words short enough for a table: "now", "12 s", "4 min", "3 h", "2 d". A clock that runs ahead is "now". */
export function ageOf(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000);
  if (seconds < 3) return 'now';
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
