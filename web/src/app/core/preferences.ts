import { Injectable, signal } from '@angular/core';

import { isResolution, type Resolution } from '../domain/resolution';

const MASKED = 'cryptwire.masked';
const RESOLUTION = 'cryptwire.resolution';

/** What a user likes on this device. A browser that refuses to store forgets it with the page. */
@Injectable({ providedIn: 'root' })
export class Preferences {
  private readonly masked = signal(read(MASKED) === 'yes');
  private readonly candle = signal<Resolution>(resolutionOf(read(RESOLUTION)));

  /** True: amounts and quantities are dots everywhere; percentages stay. */
  readonly isMasked = this.masked.asReadonly();

  /** The length of a candle that he chose last. */
  readonly resolution = this.candle.asReadonly();

  setResolution(resolution: Resolution): void {
    this.candle.set(resolution);
    write(RESOLUTION, resolution);
  }

  toggleMask(): void {
    this.masked.update((is) => !is);
    write(MASKED, this.masked() ? 'yes' : 'no');
  }
}

function resolutionOf(text: string | null): Resolution {
  return isResolution(text) ? text : '15';
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
