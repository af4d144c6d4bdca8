import { Component, computed, inject, input } from '@angular/core';

import { Preferences } from '../../core/preferences';
import { arrowOf, decimalsOf, DOTS, percent, signed } from '../../domain/amount';
import { changeOf } from '../../domain/change';

/** A gain or a loss: arrow, sign and colour together, amount and percentage. Masking hides the amount only. */
@Component({
  selector: 'cw-change',
  template: `<span class="arrow" aria-hidden="true">{{ arrow() }}</span
    ><span>{{ ratio() }}</span>
    @if (currency()) {
      <span class="amount">{{ amount() }}</span>
    }`,
  styles: `
    :host {
      display: inline-flex;
      gap: 0.35em;
      align-items: baseline;
      white-space: nowrap;
      font-variant-numeric: tabular-nums;
    }
    :host(.up) {
      color: var(--up);
    }
    :host(.down) {
      color: var(--down);
    }
    :host(.flat) {
      color: var(--faint);
    }
    .arrow {
      font-size: 0.75em;
    }
    .amount {
      opacity: 0.85;
    }
  `,
  host: { '[class]': 'change().direction' },
})
export class ChangeComponent {
  private readonly preferences = inject(Preferences);

  readonly from = input.required<number>();
  readonly to = input.required<number>();
  /** Shows the amount too, with the decimals of this currency; empty: the percentage alone. */
  readonly currency = input('');

  protected readonly change = computed(() => changeOf(this.from(), this.to()));
  protected readonly arrow = computed(() => arrowOf(this.change()));
  protected readonly ratio = computed(() => percent(this.change().ratio));
  protected readonly amount = computed(() =>
    this.preferences.isMasked()
      ? DOTS
      : signed(this.change().amount, decimalsOf(this.currency(), this.preferences.decimals())),
  );
}
