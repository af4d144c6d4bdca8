import { Component, inject, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { RequestPasswordResetDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { focusFirst, textOf } from '../../core/form';
import { Graph } from '../../core/graph/graph';
import { emailProblem } from '../../domain/sign-up';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { FieldComponent } from '../../shared/field/field';
import { ProblemComponent } from '../../shared/problem/problem';

/** Asks for a mail with a link to a new password. Whether there is such an account is not told here. */
@Component({
  selector: 'cw-forgot-password',
  imports: [EntranceComponent, FieldComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  template: `
    <cw-entrance [heading]="sentTo() ? 'Check your mail' : 'Forgot password'">
      @if (sentTo(); as address) {
        <p data-test="check-mail">
          If <strong>{{ address }}</strong> has an account, a mail with a link to a new password is on its way. It is
          good for an hour.
        </p>
      } @else {
        <p>We send you a link with which you choose a new password.</p>
        <form #form (submit)="$event.preventDefault(); submit(form)" novalidate>
          <cw-field for="forgot-email" label="E-mail" [error]="emailError()">
            <input
              id="forgot-email"
              type="email"
              name="email"
              autocomplete="username"
              inputmode="email"
              autocapitalize="none"
              spellcheck="false"
              data-test="forgot-email"
              [attr.aria-invalid]="!!emailError()"
              aria-describedby="forgot-email-error"
            />
          </cw-field>
          <cw-problem data-test="forgot-failure" [of]="attempt" />
          <button type="submit" class="button main wide" data-test="forgot-submit" [disabled]="attempt.isBlocked()">
            {{ attempt.isRunning() ? 'One moment…' : 'Send the link' }}
          </button>
        </form>
      }
      <p class="ways"><a routerLink="/sign-in" routerDirection="back">Back to sign-in</a></p>
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class ForgotPasswordPage {
  private readonly graph = inject(Graph);
  protected readonly attempt = attempt();
  protected readonly emailError = signal<string | null>(null);
  protected readonly sentTo = signal('');

  protected async submit(form: HTMLFormElement): Promise<void> {
    const email = textOf(form, 'email');
    this.emailError.set(emailProblem(email));
    if (this.emailError()) return focusFirst(form, ['email']);
    if (await this.attempt.run(() => this.graph.mutateOnce(RequestPasswordResetDocument, { email })))
      this.sentTo.set(email);
  }
}
