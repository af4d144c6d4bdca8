import { Component, inject, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonHeader, IonRouterLinkWithHref } from '@ionic/angular';

import { Keyboard } from '../../core/keyboard';
import { Preferences } from '../../core/preferences';
import { Session } from '../../core/session/session';
import { IconComponent } from '../icon/icon';

/** The bar above every page of a signed-in user; what is put inside stands between the name and the switches. */
@Component({
  selector: 'cw-header',
  imports: [IonHeader, IonRouterLinkWithHref, RouterLink, IconComponent],
  templateUrl: './header.html',
  styleUrl: './header.css',
})
export class HeaderComponent {
  private readonly keyboard = inject(Keyboard);
  protected readonly session = inject(Session);
  protected readonly preferences = inject(Preferences);
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
