import { Component, computed, input } from '@angular/core';

import type { Attempt } from '../../core/attempt';

/** Why an attempt failed, with its code where words alone do not help, and how long to wait, counting down. */
@Component({
  selector: 'cw-problem',
  template: `
    @if (of().failure(); as failure) {
      {{ failure.message }}
      @if (of().secondsLeft(); as seconds) {
        <span class="wait" data-test="wait">Try again in {{ seconds }} s.</span>
      }
      @if (hasCode()) {
        <span class="code">{{ failure.code }}</span>
      }
    }
  `,
  styles: `
    :host {
      display: block;
      color: var(--bad);
      font-size: 13px;
      line-height: 1.45;
    }
    :host(:not(:empty)) {
      margin: 0 0 12px;
    }
    .wait {
      font-variant-numeric: tabular-nums;
    }
    .code {
      color: var(--faint);
      font-size: 11px;
    }
  `,
  host: { role: 'alert' },
})
export class ProblemComponent {
  readonly of = input.required<Attempt>();

  protected readonly hasCode = computed(
    () => !['INVALID', 'EXHAUSTED', 'CODE_NEEDED'].includes(this.of().failure()?.code ?? ''),
  );
}
