import { Component, computed, inject, signal } from '@angular/core';

import { ConfirmPasswordDocument, DeleteAccountDocument, SecurityDocument } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Config } from '../../../core/config';
import { textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { LEAVE } from '../../../core/leave';
import { Session } from '../../../core/session/session';
import { codeOf } from '../../../domain/sign-up';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';

/** All of one's data as a file, and the end of the account. Both ask for the password, and for a code where codes are on. */
@Component({
  selector: 'cw-data',
  imports: [FieldComponent, ProblemComponent, SettingsFrameComponent],
  templateUrl: './data.html',
  styleUrl: '../section.css',
})
export class DataPage {
  private readonly graph = inject(Graph);
  private readonly leave = inject(LEAVE);
  private readonly config = inject(Config);
  protected readonly session = inject(Session);
  protected readonly exporting = attempt();
  protected readonly deleting = attempt();
  protected readonly needsCode = signal(false);
  protected readonly typed = signal('');
  protected readonly isTyped = computed(
    () => this.typed().trim().toLowerCase() === this.session.user()?.email.toLowerCase(),
  );

  async ionViewWillEnter(): Promise<void> {
    try {
      this.needsCode.set((await this.graph.query(SecurityDocument, {})).security.hasTotp);
    } catch {
      this.needsCode.set(true); // better a field too many than none where one is needed
    }
  }

  protected async export(form: HTMLFormElement): Promise<void> {
    const asked = this.asked(form);
    if (!asked.password) return this.exporting.refuse('Enter your password.');
    if ((await this.exporting.run(() => this.graph.mutate(ConfirmPasswordDocument, asked))) === null) return;
    form.reset();
    this.leave(this.config.export); // a download: the page stays
  }

  protected async delete(form: HTMLFormElement): Promise<void> {
    const asked = this.asked(form);
    if (!asked.password) return this.deleting.refuse('Enter your password.');
    const variables = { ...asked, confirmation: this.typed().trim() };
    if ((await this.deleting.run(() => this.graph.mutate(DeleteAccountDocument, variables))) === null) return;
    await this.session.leave('/deleted');
  }

  private asked(form: HTMLFormElement): { password: string; code: string | null } {
    return { password: textOf(form, 'password'), code: codeOf(textOf(form, 'code')) || null };
  }
}
