import { Component, inject, linkedSignal, signal } from '@angular/core';

import { ChangePreferencesDocument, type Colours, RequestEmailChangeDocument } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { focusFirst, textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { Preferences } from '../../../core/preferences';
import { Session } from '../../../core/session/session';
import { emailProblem } from '../../../domain/sign-up';
import { CurrencyComponent } from '../../../shared/choices/currency';
import { ZoneComponent } from '../../../shared/choices/zone';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';

const COLOURS: readonly { value: Colours; name: string; what: string }[] = [
  { value: 'BLUE_ORANGE', name: 'Blue and orange', what: 'told apart by almost everyone' },
  { value: 'GREEN_RED', name: 'Green and red', what: 'green is up' },
  { value: 'RED_GREEN', name: 'Red and green', what: 'red is up' },
];

/** Where and how he wants to see things, and the address of his account. */
@Component({
  selector: 'cw-profile',
  imports: [CurrencyComponent, FieldComponent, ProblemComponent, SettingsFrameComponent, ZoneComponent],
  templateUrl: './profile.html',
  styleUrls: ['../section.css', './profile.css'],
})
export class ProfilePage {
  private readonly graph = inject(Graph);
  private readonly preferences = inject(Preferences);
  protected readonly session = inject(Session);
  protected readonly all = COLOURS;
  protected readonly decimals = Array.from({ length: 13 }, (_, i) => i);

  protected readonly zone = linkedSignal(() => this.session.user()?.preferences.zone ?? 'UTC');
  protected readonly currency = linkedSignal(() => this.session.user()?.preferences.currency ?? 'USD');
  protected readonly saving = attempt();
  protected readonly isSaved = signal(false);

  protected readonly changing = attempt();
  protected readonly emailError = signal<string | null>(null);
  protected readonly sentTo = signal('');

  protected async save(form: HTMLFormElement): Promise<void> {
    this.isSaved.set(false);
    const input = {
      zone: this.zone(),
      currency: this.currency(),
      stablecoinDecimals: Number(textOf(form, 'stablecoins')),
      otherDecimals: Number(textOf(form, 'others')),
      masksAmounts: textOf(form, 'masks') === 'on',
      colours: textOf(form, 'colours') as Colours,
    };
    const isSaved = await this.saving.run(async () => {
      await this.graph.mutate(ChangePreferencesDocument, { input });
      await this.session.read();
      return true;
    });
    if (!isSaved) return;
    this.preferences.followMask();
    this.isSaved.set(true);
  }

  protected async changeEmail(form: HTMLFormElement): Promise<void> {
    const [email, password] = [textOf(form, 'email'), textOf(form, 'password')];
    this.emailError.set(emailProblem(email));
    if (this.emailError()) return focusFirst(form, ['email']);
    if (!password) return this.changing.refuse('Enter your password.');
    if ((await this.changing.run(() => this.graph.mutate(RequestEmailChangeDocument, { email, password }))) === null)
      return;
    this.sentTo.set(email);
    form.reset();
  }
}
