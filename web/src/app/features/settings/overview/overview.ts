import { Component, inject } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonContent, IonRouterLinkWithHref } from '@ionic/angular';

import { Session } from '../../../core/session/session';
import { planName } from '../../../domain/plan';
import { HeaderComponent } from '../../../shared/header/header';
import { IconComponent } from '../../../shared/icon/icon';
import { SECTIONS } from '../frame/frame';

/** Everything that can be set, and who is signed in. */
@Component({
  selector: 'cw-settings',
  imports: [HeaderComponent, IconComponent, IonContent, IonRouterLinkWithHref, RouterLink],
  template: `
    <cw-header />
    <ion-content>
      <main>
        <h1>Settings</h1>
        @if (session.user(); as user) {
          <p class="who" data-test="settings-who">
            {{ user.email }} <span class="badge">{{ planName(user.plan) }}</span>
          </p>
        }
        <div class="list">
          @for (section of sections; track section.path) {
            <a
              [routerLink]="['/settings', section.path]"
              routerDirection="forward"
              [attr.data-test]="'settings-' + section.path"
            >
              <cw-icon class="mark" [name]="section.icon" />
              <span class="text"
                ><span class="name">{{ section.name }}</span
                ><span class="what">{{ section.what }}</span></span
              >
              <cw-icon class="next" name="next" />
            </a>
          }
        </div>
      </main>
    </ion-content>
  `,
  styleUrl: './overview.css',
})
export class SettingsPage {
  protected readonly session = inject(Session);
  protected readonly sections = SECTIONS;
  protected readonly planName = planName;
}
