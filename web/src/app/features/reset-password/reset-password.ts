import { Component, inject, signal } from '@angular/core';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { ResetPasswordDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { focusFirst, textOf } from '../../core/form';
import { Graph } from '../../core/graph/graph';
import { passwordProblem } from '../../domain/sign-up';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { FieldComponent } from '../../shared/field/field';
import { ProblemComponent } from '../../shared/problem/problem';

/** Where the mail of a forgotten password leads: a new one. All sessions end with the old one. */
@Component({
  selector: 'cw-reset-password',
  imports: [EntranceComponent, FieldComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  template: `
    <cw-entrance [heading]="isDone() ? 'Password changed' : 'New password'">
      @if (isDone()) {
        <p data-test="reset-done">Your new password holds. Every device was signed out.</p>
        <a class="button main wide" routerLink="/sign-in" routerDirection="root" data-test="reset-sign-in">Sign in</a>
      } @else if (token) {
        <form #form (submit)="$event.preventDefault(); submit(form)" novalidate>
          <cw-field for="reset-password" label="New password" [error]="passwordError()" hint="At least 10 characters.">
            <input
              id="reset-password"
              type="password"
              name="password"
              autocomplete="new-password"
              data-test="reset-password"
              [attr.aria-invalid]="!!passwordError()"
              aria-describedby="reset-password-error reset-password-hint"
            />
          </cw-field>
          <cw-problem data-test="reset-failure" [of]="attempt" />
          <button type="submit" class="button main wide" data-test="reset-submit" [disabled]="attempt.isBlocked()">
            {{ attempt.isRunning() ? 'One moment…' : 'Change password' }}
          </button>
        </form>
        @if (attempt.failure()?.code === 'INVALID') {
          <p class="ways">
            <a routerLink="/forgot-password" routerDirection="back" data-test="to-forgot">Ask for a new link</a>
          </p>
        }
      } @else {
        <p class="bad">The link is not whole. Open it again from the mail.</p>
      }
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class ResetPasswordPage {
  private readonly graph = inject(Graph);
  protected readonly token = inject(ActivatedRoute).snapshot.queryParamMap.get('token') ?? '';
  protected readonly attempt = attempt();
  protected readonly passwordError = signal<string | null>(null);
  protected readonly isDone = signal(false);

  protected async submit(form: HTMLFormElement): Promise<void> {
    const password = textOf(form, 'password');
    this.passwordError.set(passwordProblem(password));
    if (this.passwordError()) return focusFirst(form, ['password']);
    const variables = { token: this.token, password };
    if (await this.attempt.run(() => this.graph.mutateOnce(ResetPasswordDocument, variables))) this.isDone.set(true);
  }
}
