import { Component, computed, inject, input, model } from '@angular/core';

import { CLOCK } from '../../core/clock';
import { offsetOf, zones } from '../../domain/choices';

/** Every time zone there is, with its distance from UTC now. */
@Component({
  selector: 'cw-zone',
  template: `
    <select [id]="control()" name="zone" [attr.data-test]="control()" (change)="value.set(chosen($event))">
      @for (each of all(); track each.name) {
        <option [value]="each.name" [selected]="each.name === value()">{{ each.text }}</option>
      }
    </select>
  `,
  styles: `
    :host {
      display: contents;
    }
  `,
})
export class ZoneComponent {
  private readonly clock = inject(CLOCK);
  readonly control = input.required<string>();
  readonly value = model.required<string>();

  protected readonly all = computed(() => {
    const now = this.clock.now();
    return zones(this.value()).map((name) => ({
      name,
      text: `${name.replaceAll('_', ' ')} (${offsetOf(name, now)})`,
    }));
  });

  protected chosen(event: Event): string {
    return (event.target as HTMLSelectElement).value;
  }
}
