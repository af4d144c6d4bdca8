import { Component, computed, input } from '@angular/core';

import type { Attempt } from '../../core/attempt';

/** How the server says in words how long to wait; here it is counted down instead. */
const WAIT = '; try again in ';

/** Why an attempt failed, with its code where words alone do not help, and how long to wait, counting down. */
@Component({
  selector: 'cw-problem',
  template: `
    @if (of().failure(); as failure) {
      {{ words() }}
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

  protected readonly words = computed(() => {
    const failure = this.of().failure();
    return failure && sentence(failure.retryAfter === null ? failure.message : failure.message.split(WAIT)[0]!);
  });

  protected readonly hasCode = computed(
    () => !['INVALID', 'EXHAUSTED', 'CODE_NEEDED'].includes(this.of().failure()?.code ?? ''),
  );
}

/** The server's words, which begin with a small letter and end with no full stop, as a sentence. */
function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?…]$/.test(words) ? '' : '.');
}
