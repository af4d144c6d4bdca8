import { Component, computed, inject, signal } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { NavigationEnd, Router, RouterLink } from '@angular/router';
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
  imports: [IconComponent, IonRouterLinkWithHref, RouterLink],
  template: `
    <nav aria-label="Places">
      @for (place of places; track place.path) {
        <a
          [routerLink]="place.path"
          routerDirection="root"
          [class.here]="place.path === here()"
          [attr.aria-current]="place.path === here() ? 'page' : null"
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
  private readonly router = inject(Router);
  private readonly url = signal(this.router.url);
  protected readonly places = PLACES;
  /** The place that the page belongs to: the one whose path is the longest of those it lies under. */
  protected readonly here = computed(
    () =>
      PLACES.map(({ path }) => path)
        .filter((path) => this.url().split(/[?#]/)[0]!.concat('/').startsWith(`${path}/`))
        .sort((a, b) => b.length - a.length)[0],
  );

  constructor() {
    this.router.events.pipe(takeUntilDestroyed()).subscribe((event) => {
      if (event instanceof NavigationEnd) this.url.set(event.urlAfterRedirects);
    });
  }
}
