import { Component, computed, inject } from '@angular/core';

import { Session } from '../../core/session/session';
import { Live } from '../datafeed/live';

/** Whether live bars come, judged by the frames that really came. */
@Component({
  selector: 'cw-connection',
  template: `<span class="dot" aria-hidden="true"></span>{{ text() }}`,
  styles: `
    :host {
      display: inline-flex;
      align-items: center;
      gap: 6px;
      white-space: nowrap;
      color: var(--faint);
      font-variant-numeric: tabular-nums;
    }
    .dot {
      width: 8px;
      height: 8px;
      border-radius: 50%;
      background: var(--faint);
    }
    :host([data-state='live']) .dot {
      background: var(--ok);
      box-shadow: 0 0 0 3px color-mix(in srgb, var(--ok) 22%, transparent);
    }
    :host([data-state='retrying']) {
      color: var(--warn);
    }
    :host([data-state='offline']) {
      color: var(--bad);
    }
    :host([data-state='retrying']) .dot {
      background: none;
      border: 2px solid var(--warn);
    }
    :host([data-state='offline']) .dot {
      background: none;
      border: 2px solid var(--bad);
      border-radius: 2px;
    }
  `,
  host: { role: 'status', 'data-test': 'chart-state', '[attr.data-state]': 'connection().kind' },
})
export class ConnectionComponent {
  private readonly session = inject(Session);
  protected readonly connection = inject(Live).connection;

  protected readonly text = computed(() => {
    const { kind, since } = this.connection();
    if (kind === 'live') return 'Live';
    if (kind === 'retrying') return 'Retrying';
    if (kind !== 'offline') return 'Connecting';
    const time = new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      timeZone: this.session.user()?.zone,
    });
    return `Offline since ${time.format(since)}`;
  });
}
