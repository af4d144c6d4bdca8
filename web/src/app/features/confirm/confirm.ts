import { Component, inject } from '@angular/core';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { attempt } from '../../core/attempt';
import { textOf } from '../../core/form';
import { Session } from '../../core/session/session';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { FieldComponent } from '../../shared/field/field';
import { ProblemComponent } from '../../shared/problem/problem';

/** Where the mail of a sign-up leads: the password once more, then the account is made and he is in. */
@Component({
  selector: 'cw-confirm',
  imports: [EntranceComponent, FieldComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  template: `
    <cw-entrance heading="Confirm your account">
      @if (token) {
        <p>Enter the password that you chose when you signed up: it proves that the account is yours.</p>
        <form #form (submit)="$event.preventDefault(); submit(form)" novalidate>
          <cw-field for="confirm-password" label="Password">
            <input
              id="confirm-password"
              type="password"
              name="password"
              autocomplete="current-password"
              data-test="confirm-password"
            />
          </cw-field>
          <cw-problem data-test="confirm-failure" [of]="attempt" />
          <button type="submit" class="button main wide" data-test="confirm-submit" [disabled]="attempt.isBlocked()">
            {{ attempt.isRunning() ? 'One moment…' : 'Confirm' }}
          </button>
        </form>
      } @else {
        <p class="bad" data-test="confirm-failure">The link is not whole. Open it again from the mail.</p>
      }
      <p class="ways">
        <a routerLink="/sign-up" routerDirection="back">Sign up anew</a>
        <a routerLink="/sign-in" routerDirection="back">Sign in</a>
      </p>
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class ConfirmPage {
  private readonly session = inject(Session);
  protected readonly token = inject(ActivatedRoute).snapshot.queryParamMap.get('token') ?? '';
  protected readonly attempt = attempt();

  protected async submit(form: HTMLFormElement): Promise<void> {
    const password = textOf(form, 'password');
    if (!password) return this.attempt.refuse('Enter your password.');
    await this.attempt.run(() => this.session.confirmSignUp(this.token, password));
  }
}
