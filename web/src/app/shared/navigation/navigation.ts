import { Component } from '@angular/core';
import { RouterLink, RouterLinkActive } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { type IconName, IconComponent } from '../icon/icon';

export const PLACES: readonly { path: string; name: string; icon: IconName }[] = [
  { path: '/hoppers', name: 'Hoppers', icon: 'hoppers' },
  { path: '/notices', name: 'Notices', icon: 'bell' },
  { path: '/settings/connection', name: 'Connection', icon: 'link' },
  { path: '/settings', name: 'Settings', icon: 'settings' },
];

/** The places of the app, at the lower edge of a phone. */
@Component({
  selector: 'cw-navigation',
  imports: [IconComponent, IonRouterLinkWithHref, RouterLink, RouterLinkActive],
  template: `
    <nav aria-label="Places">
      @for (place of places; track place.path) {
        <a
          [routerLink]="place.path"
          routerDirection="root"
          routerLinkActive="here"
          ariaCurrentWhenActive="page"
          [routerLinkActiveOptions]="{ exact: place.path === '/settings' }"
        >
          <cw-icon [name]="place.icon" />
          {{ place.name }}
        </a>
      }
    </nav>
  `,
  styles: `
    :host {
      display: none;
    }
    nav {
      display: flex;
      padding-bottom: env(safe-area-inset-bottom);
      border-top: 1px solid var(--line);
      background: var(--panel);
    }
    a {
      flex: 1;
      display: flex;
      flex-direction: column;
      align-items: center;
      justify-content: center;
      gap: 2px;
      height: 54px;
      color: var(--faint);
      font-size: 11px;
      text-decoration: none;
    }
    .here {
      color: var(--brand);
      font-weight: 600;
    }
    @media (max-width: 767px) {
      :host {
        display: block;
      }
    }
  `,
})
export class NavigationComponent {
  protected readonly places = PLACES;
}
