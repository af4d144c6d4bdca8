import { InjectionToken } from '@angular/core';

/** The only door to HTTP for questions, so that a test can answer them. */
export const FETCH = new InjectionToken<typeof fetch>('Fetch', {
  providedIn: 'root',
  factory:
    () =>
    (...args) =>
      fetch(...args),
});
