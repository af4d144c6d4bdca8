import { Component, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { IconComponent } from '../icon/icon';

/** Stands where something is that his plan does not open: what it is, which plan opens it, and the way there. */
@Component({
  selector: 'cw-locked',
  imports: [IconComponent, IonRouterLinkWithHref, RouterLink],
  template: `
    <cw-icon name="gem" />
    <span>{{ what() }} <strong>Pro</strong>.</span>
    <a routerLink="/settings/plan" routerDirection="forward">See plans</a>
  `,
  styles: `
    :host {
      display: inline-flex;
      align-items: center;
      gap: 8px;
      color: var(--soft);
      font-size: 13px;
    }
    cw-icon {
      color: var(--brand);
    }
    a {
      color: var(--text);
      white-space: nowrap;
    }
  `,
  host: { 'data-test': 'locked' },
})
export class LockedComponent {
  /** A sentence that lacks its last word, the plan's name: "Live values are part of". */
  readonly what = input.required<string>();
}
