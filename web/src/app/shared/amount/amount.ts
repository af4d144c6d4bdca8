import { inject, Pipe, type PipeTransform } from '@angular/core';

import { Preferences } from '../../core/preferences';
import { amountOf, DOTS, exact } from '../../domain/amount';

/** An amount of a currency, or dots while masked: the amount is then not in the page at all. */
@Pipe({ name: 'amount', pure: false })
export class AmountPipe implements PipeTransform {
  private readonly preferences = inject(Preferences);

  transform(value: number | string | null | undefined, currency: string): string {
    if (value === null || value === undefined) return '—';
    return this.preferences.isMasked() ? DOTS : amountOf(value, currency, this.preferences.decimals());
  }
}

/** An exact decimal (text) with all its digits, or dots while masked. */
@Pipe({ name: 'quantity', pure: false })
export class QuantityPipe implements PipeTransform {
  private readonly preferences = inject(Preferences);

  transform(decimal: string | null): string {
    if (decimal === null) return '—';
    return this.preferences.isMasked() ? DOTS : exact(decimal);
  }
}
