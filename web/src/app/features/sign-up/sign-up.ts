import { Component, inject, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { SignUpDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { focusFirst, textOf } from '../../core/form';
import { Graph } from '../../core/graph/graph';
import { currencyOf, zoneHere } from '../../domain/choices';
import { emailProblem, passwordProblem } from '../../domain/sign-up';
import { CurrencyComponent } from '../../shared/choices/currency';
import { ZoneComponent } from '../../shared/choices/zone';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { FieldComponent } from '../../shared/field/field';
import { ProblemComponent } from '../../shared/problem/problem';

/** Address, password, zone and currency; then the mail that makes the account. Whether the address is taken is not told here. */
@Component({
  selector: 'cw-sign-up',
  imports: [
    CurrencyComponent,
    EntranceComponent,
    FieldComponent,
    IonRouterLinkWithHref,
    ProblemComponent,
    RouterLink,
    ZoneComponent,
  ],
  templateUrl: './sign-up.html',
  styleUrl: '../../shared/entrance/form.css',
})
export class SignUpPage {
  private readonly graph = inject(Graph);
  protected readonly attempt = attempt();
  protected readonly zone = signal(zoneHere());
  protected readonly currency = signal(currencyOf(navigator.language, zoneHere()));
  protected readonly emailError = signal<string | null>(null);
  protected readonly passwordError = signal<string | null>(null);
  /** The address that a mail went to; empty before. */
  protected readonly sentTo = signal('');

  protected async submit(form: HTMLFormElement): Promise<void> {
    const [email, password] = [textOf(form, 'email'), textOf(form, 'password')];
    this.emailError.set(emailProblem(email));
    this.passwordError.set(passwordProblem(password, email));
    const wrong = [this.emailError() && 'email', this.passwordError() && 'password'].filter((name) => !!name);
    if (wrong.length > 0) return focusFirst(form, wrong as string[]);
    const variables = { email, password, zone: this.zone(), currency: this.currency() };
    if (await this.attempt.run(() => this.graph.mutateOnce(SignUpDocument, variables))) this.sentTo.set(email);
  }

  protected again(): void {
    this.sentTo.set('');
  }
}
