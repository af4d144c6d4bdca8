import { Component } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { EntranceComponent } from '../../shared/entrance/entrance';

/** After an account was deleted. */
@Component({
  selector: 'cw-deleted',
  imports: [EntranceComponent, IonRouterLinkWithHref, RouterLink],
  template: `
    <cw-entrance heading="Your account is deleted">
      <p data-test="deleted">
        You are signed out everywhere. What was kept of you is erased within minutes; a mail says when it was asked for.
      </p>
      <a class="button wide" routerLink="/sign-up" routerDirection="root">Begin anew</a>
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class DeletedPage {}
