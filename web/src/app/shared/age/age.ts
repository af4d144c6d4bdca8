import { Component, computed, inject, input } from '@angular/core';

import { Now } from '../../core/now';
import { ageOf } from '../../domain/age';

/** How old something is, growing by the second; marked when older than it should be. */
@Component({
  selector: 'cw-age',
  template: `<time [attr.datetime]="at()" [title]="at() ?? ''">{{ age() }}</time>`,
  styles: `
    :host {
      white-space: nowrap;
      font-variant-numeric: tabular-nums;
    }
    :host(.old) {
      color: var(--warn);
    }
  `,
  host: { '[class.old]': 'isOld()' },
})
export class AgeComponent {
  private readonly now = inject(Now);

  /** ISO 8601; null: there never was any. */
  readonly at = input.required<string | null>();
  /** Seconds after which it is old. */
  readonly oldAfter = input(Infinity);

  /** Says "ago" after it, where that is right. */
  readonly isAgo = input(false);

  protected readonly age = computed(() => {
    const at = this.at();
    if (at === null) return 'never';
    const age = ageOf(Date.parse(at), this.now.ms());
    return this.isAgo() && age !== 'now' ? `${age} ago` : age;
  });
  protected readonly isOld = computed(() => {
    const at = this.at();
    return at === null || this.now.ms() - Date.parse(at) > this.oldAfter() * 1000;
  });
}
