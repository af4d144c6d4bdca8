import { Component, inject, signal } from '@angular/core';
import { RouterLink, RouterLinkActive } from '@angular/router';
import { IonHeader, IonRouterLinkWithHref } from '@ionic/angular';

import { Keyboard } from '../../core/keyboard';
import { Preferences } from '../../core/preferences';
import { Session } from '../../core/session/session';
import { IconComponent } from '../icon/icon';
import { PLACES } from '../navigation/navigation';

/** The bar above every page of a signed-in user; what is put inside stands between the name and the switches. */
@Component({
  selector: 'cw-header',
  imports: [IonHeader, IonRouterLinkWithHref, RouterLink, RouterLinkActive, IconComponent],
  templateUrl: './header.html',
  styleUrl: './header.css',
})
export class HeaderComponent {
  private readonly keyboard = inject(Keyboard);
  protected readonly session = inject(Session);
  protected readonly preferences = inject(Preferences);
  /** Not the connection: that is among the settings where there is room. */
  protected readonly places = PLACES.filter(({ path }) => path !== '/settings/connection');
  protected readonly isLeaving = signal(false);
  protected readonly couldNotLeave = signal(false);

  protected openHelp(): void {
    this.keyboard.isHelpOpen.set(true);
  }

  protected async signOut(): Promise<void> {
    this.isLeaving.set(true);
    this.couldNotLeave.set(false);
    try {
      await this.session.signOut();
    } catch {
      this.couldNotLeave.set(true);
    } finally {
      this.isLeaving.set(false);
    }
  }
}
