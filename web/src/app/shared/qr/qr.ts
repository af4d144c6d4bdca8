import { Component, effect, input, signal } from '@angular/core';

/** A text as a QR code, drawn here: what it says goes nowhere. Dark on light in every theme, or scanners fail. */
@Component({
  selector: 'cw-qr',
  template: `
    @if (path(); as path) {
      <svg
        [attr.viewBox]="'0 0 ' + size() + ' ' + size()"
        shape-rendering="crispEdges"
        role="img"
        [attr.aria-label]="label()"
      >
        <path [attr.d]="path" />
      </svg>
    }
  `,
  styles: `
    :host {
      display: block;
      width: 208px;
      height: 208px;
      padding: 8px;
      border: 1px solid var(--line);
      border-radius: 8px;
      background: #ffffff;
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
      fill: #000000;
    }
  `,
})
export class QrComponent {
  readonly text = input.required<string>();
  readonly label = input('QR code');
  protected readonly path = signal('');
  protected readonly size = signal(0);

  constructor() {
    effect(() => void this.draw(this.text()));
  }

  private async draw(text: string): Promise<void> {
    const { default: encode } = await import('qr');
    const rows = encode(text, 'raw', { border: 2 });
    if (text !== this.text()) return;
    this.size.set(rows.length);
    this.path.set(rows.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')).join('')).join(''));
  }
}
