import { Component, input, output } from '@angular/core';

/** What failed, where it failed, with its code and a way to try again. */
@Component({
  selector: 'cw-failure',
  template: `
    <p role="alert">
      {{ message() }} <span class="code">{{ code() }}</span>
    </p>
    <button type="button" class="button" data-test="try-again" (click)="again.emit()">Try again</button>
  `,
  styles: `
    :host {
      display: flex;
      flex-direction: column;
      align-items: center;
      gap: 12px;
      padding: 32px 16px;
      text-align: center;
    }
    p {
      margin: 0;
      max-width: 44ch;
    }
    .code {
      color: var(--faint);
      font-size: 11px;
      letter-spacing: 0.04em;
    }
  `,
})
export class FailureComponent {
  readonly message = input.required<string>();
  readonly code = input('');
  readonly again = output();
}
