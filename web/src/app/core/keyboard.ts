import { inject, Injectable, signal } from '@angular/core';
import { NavController } from '@ionic/angular';

import { Preferences } from './preferences';
import { Session } from './session/session';

/** Within this time a letter after `g` is a place to go to, ms. */
const CHORD = 1_200;

/** Where a letter after `g` leads. */
const PLACES: Readonly<Record<string, string>> = { h: '/hoppers', n: '/notices', s: '/settings' };

/** Keys that work on every page. None while typing, none with a modifier, none that destroys. */
@Injectable({ providedIn: 'root' })
export class Keyboard {
  private readonly preferences = inject(Preferences);
  private readonly session = inject(Session);
  private readonly navigation = inject(NavController);
  private goAt = -Infinity;

  readonly isHelpOpen = signal(false);

  listen(): void {
    window.addEventListener('keydown', (event) => this.onKey(event));
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const isGoing = event.timeStamp - this.goAt < CHORD;
    this.goAt = -Infinity;
    const place = isGoing ? PLACES[event.key] : undefined;
    if (place) {
      if (this.session.user()) void this.navigation.navigateRoot(place, { animated: false });
    } else if (event.key === 'h') this.preferences.toggleMask();
    else if (event.key === 'g') this.goAt = event.timeStamp;
    else if (event.key === '?') this.isHelpOpen.update((is) => !is);
    else if (event.key === 'Escape') this.isHelpOpen.set(false);
    else return;
    event.preventDefault();
  }
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
