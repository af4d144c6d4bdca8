import { Component } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonContent, IonRouterLinkWithHref } from '@ionic/angular';

import { HeaderComponent } from '../../shared/header/header';

/** There is nothing at this address, or nothing that is his; which of the two nobody is told. */
@Component({
  selector: 'cw-not-found',
  imports: [HeaderComponent, IonContent, IonRouterLinkWithHref, RouterLink],
  template: `
    <cw-header />
    <ion-content>
      <main data-test="not-found">
        <h1>Not found</h1>
        <p>There is nothing here, or it is not yours to see.</p>
        <a class="button" routerLink="/hoppers" routerDirection="root">All hoppers</a>
      </main>
    </ion-content>
  `,
  styles: `
    main {
      padding: 18vh 24px 0;
      text-align: center;
    }
    h1 {
      margin: 0 0 8px;
      font-size: 22px;
    }
    p {
      margin: 0 0 24px;
      color: var(--faint);
    }
  `,
})
export class NotFoundPage {}
