import { Component, input } from '@angular/core';
import { RouterLink, RouterLinkActive } from '@angular/router';
import { IonContent, IonRouterLinkWithHref } from '@ionic/angular';

import { HeaderComponent } from '../../../shared/header/header';
import { IconComponent, type IconName } from '../../../shared/icon/icon';

export const SECTIONS: readonly { path: string; name: string; what: string; icon: IconName }[] = [
  { path: 'profile', name: 'Profile', what: 'Time zone, currency, decimals, colours, e-mail', icon: 'user' },
  { path: 'connection', name: 'Connection', what: 'Your Cryptohopper account and its import', icon: 'link' },
  { path: 'notices', name: 'Notices', what: 'What you are told of, and by what', icon: 'bell' },
  { path: 'security', name: 'Security', what: 'Password, codes, devices, API tokens', icon: 'shield' },
  { path: 'plan', name: 'Plan', what: 'What yours opens, trial and Pro', icon: 'gem' },
  { path: 'webhook', name: 'Webhook', what: 'Notices to a server of yours', icon: 'send' },
  { path: 'data', name: 'Your data', what: 'Take it with you, or delete the account', icon: 'data' },
];

/** Around every page of the settings: the header, on a desktop the list of sections, and the page in one column. */
@Component({
  selector: 'cw-settings-frame',
  imports: [HeaderComponent, IconComponent, IonContent, IonRouterLinkWithHref, RouterLink, RouterLinkActive],
  templateUrl: './frame.html',
  styleUrl: './frame.css',
})
export class SettingsFrameComponent {
  readonly heading = input.required<string>();
  protected readonly sections = SECTIONS;
}
