import { Component, inject, signal } from '@angular/core';

import { ChangePasswordDocument } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { focusFirst, textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { Session } from '../../../core/session/session';
import { passwordProblem } from '../../../domain/sign-up';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';

/** Another password. */
@Component({
  selector: 'cw-password',
  imports: [FieldComponent, ProblemComponent],
  template: `
    <section data-test="password">
      <h2>Password</h2>
      <p class="lead">Changing it signs out your other devices.</p>
      <form #form (submit)="$event.preventDefault(); change(form)" novalidate>
        <input type="hidden" name="username" autocomplete="username" [value]="session.user()?.email" />
        <cw-field for="old-password" label="Password now">
          <input
            id="old-password"
            type="password"
            name="password"
            autocomplete="current-password"
            data-test="old-password"
          />
        </cw-field>
        <cw-field for="new-password" label="New password" [error]="error()" hint="At least 10 characters.">
          <input
            id="new-password"
            type="password"
            name="newPassword"
            autocomplete="new-password"
            data-test="new-password"
            [attr.aria-invalid]="!!error()"
            aria-describedby="new-password-error new-password-hint"
          />
        </cw-field>
        <cw-problem data-test="password-failure" [of]="changing" />
        <div class="actions">
          <button type="submit" class="button" data-test="password-submit" [disabled]="changing.isBlocked()">
            Change password
          </button>
          @if (isDone()) {
            <span class="done" role="status" data-test="password-done">Changed</span>
          }
        </div>
      </form>
    </section>
  `,
  styleUrl: '../section.css',
})
export class PasswordComponent {
  private readonly graph = inject(Graph);
  protected readonly session = inject(Session);
  protected readonly changing = attempt();
  protected readonly error = signal<string | null>(null);
  protected readonly isDone = signal(false);

  protected async change(form: HTMLFormElement): Promise<void> {
    const [password, newPassword] = [textOf(form, 'password'), textOf(form, 'newPassword')];
    this.isDone.set(false);
    this.error.set(passwordProblem(newPassword, this.session.user()?.email));
    if (this.error()) return focusFirst(form, ['newPassword']);
    if (!password) return this.changing.refuse('Enter the password that holds now.');
    const variables = { password, newPassword };
    if ((await this.changing.run(() => this.graph.mutate(ChangePasswordDocument, variables))) === null) return;
    this.isDone.set(true);
    form.reset();
  }
}
