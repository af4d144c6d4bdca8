import { InjectionToken } from '@angular/core';

/** The only door out of the app, in the same window. */
export const LEAVE = new InjectionToken<(url: string) => void>('Leave', {
  providedIn: 'root',
  factory: () => (url) => window.location.assign(url),
});
