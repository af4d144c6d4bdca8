import { Component, input } from '@angular/core';

/** A label, what is put inside as its control, and below it a hint or what is wrong with it. */
@Component({
  selector: 'cw-field',
  template: `
    <label [attr.for]="for()">{{ label() }}</label>
    <ng-content />
    @if (error()) {
      <p class="error" role="alert" [id]="for() + '-error'" [attr.data-test]="for() + '-error'">{{ error() }}</p>
    } @else if (hint()) {
      <p class="hint" [id]="for() + '-hint'">{{ hint() }}</p>
    }
  `,
  styleUrl: './field.css',
  host: { class: 'field', '[class.wrong]': '!!error()' },
})
export class FieldComponent {
  /** The id of the control. */
  readonly for = input.required<string>();
  readonly label = input.required<string>();
  readonly error = input<string | null>(null);
  readonly hint = input('');
}
