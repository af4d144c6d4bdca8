import { Component, input, output, signal } from '@angular/core';

/** A secret that is shown this once, with a button that copies it. */
@Component({
  selector: 'cw-secret',
  template: `
    <p class="lead">{{ what() }} <strong>It is shown now and never again.</strong></p>
    <code class="secret" [attr.data-test]="test()">{{ secret() }}</code>
    <div class="actions">
      <button type="button" class="button" (click)="copy()">{{ isCopied() ? 'Copied' : 'Copy' }}</button>
      <button type="button" class="button main" [attr.data-test]="test() + '-seen'" (click)="seen.emit()">
        I have kept it
      </button>
    </div>
  `,
  styleUrl: '../section.css',
  styles: `
    :host {
      display: block;
      margin-bottom: 16px;
    }
  `,
})
export class SecretComponent {
  readonly what = input.required<string>();
  readonly secret = input.required<string>();
  readonly test = input('secret');
  readonly seen = output();
  protected readonly isCopied = signal(false);

  protected async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.secret());
      this.isCopied.set(true);
    } catch {
      this.isCopied.set(false); // refused by the browser: it can be marked and copied by hand
    }
  }
}
