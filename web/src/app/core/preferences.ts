import { computed, effect, Injectable, signal } from '@angular/core';

import type { Colours } from '../../generated/graphql';
import type { Decimals } from '../domain/amount';
import { isResolution, type Resolution } from '../domain/resolution';
import { store, stored } from './storage';

const MASKED = 'cryptwire.masked';
const RESOLUTION = 'cryptwire.resolution';

/** What his account says of how he wants to see things. */
export interface Chosen {
  readonly zone: string;
  readonly stablecoinDecimals: number;
  readonly otherDecimals: number;
  readonly masksAmounts: boolean;
  readonly colours: Colours;
}

/** What a user likes: his account's choice, and on top of it what he switched on this device. */
@Injectable({ providedIn: 'root' })
export class Preferences {
  private readonly chosen = signal<Chosen | null>(null);
  private readonly masked = signal(stored(MASKED));
  private readonly candle = signal<Resolution>(resolutionOf(stored(RESOLUTION)));

  /** True: amounts and quantities are dots everywhere; percentages stay. */
  readonly isMasked = computed(() => {
    const masked = this.masked();
    return masked === null ? (this.chosen()?.masksAmounts ?? false) : masked === 'yes';
  });

  /** With how many decimals amounts are shown; null: as is usual for each currency. */
  readonly decimals = computed<Decimals | null>(() => {
    const chosen = this.chosen();
    return chosen && { stablecoins: chosen.stablecoinDecimals, others: chosen.otherDecimals };
  });

  /** What a gain and a loss look like. */
  readonly colours = computed<Colours>(() => this.chosen()?.colours ?? 'BLUE_ORANGE');

  /** In which zone the servers cut his days and draw his charts; null for nobody. */
  readonly zone = computed(() => this.chosen()?.zone ?? null);

  /** The length of a candle that he chose last. */
  readonly resolution = this.candle.asReadonly();

  constructor() {
    effect(() => {
      document.documentElement.dataset['colours'] = this.colours().toLowerCase().replace('_', '-');
    });
  }

  /** What the account says; null for nobody. */
  apply(chosen: Chosen | null): void {
    this.chosen.set(chosen);
  }

  setResolution(resolution: Resolution): void {
    this.candle.set(resolution);
    store(RESOLUTION, resolution);
  }

  toggleMask(): void {
    this.masked.set(this.isMasked() ? 'no' : 'yes');
    store(MASKED, this.masked());
  }

  /** From now on this device does as the account says. */
  followMask(): void {
    this.masked.set(null);
    store(MASKED, null);
  }
}

function resolutionOf(text: string | null): Resolution {
  return isResolution(text) ? text : '15';
}
