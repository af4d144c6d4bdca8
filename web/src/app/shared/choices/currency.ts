import { Component, computed, input, model } from '@angular/core';

import { currencies } from '../../domain/choices';

/** Every currency there is, by its code. */
@Component({
  selector: 'cw-currency',
  template: `
    <select [id]="control()" name="currency" [attr.data-test]="control()" (change)="value.set(chosen($event))">
      @for (each of all(); track each.code) {
        <option [value]="each.code" [selected]="each.code === value()">{{ each.code }} · {{ each.name }}</option>
      }
    </select>
  `,
  styles: `
    :host {
      display: contents;
    }
  `,
})
export class CurrencyComponent {
  readonly control = input.required<string>();
  readonly value = model.required<string>();
  protected readonly all = computed(() => currencies(this.value()));

  protected chosen(event: Event): string {
    return (event.target as HTMLSelectElement).value;
  }
}
