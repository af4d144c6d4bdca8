import { Component, inject, input, output, signal } from '@angular/core';
import { DomSanitizer, type SafeUrl } from '@angular/platform-browser';

import {
  BeginTotpDocument,
  type BeginTotpMutation,
  ConfirmTotpDocument,
  EndTotpDocument,
  NewRecoveryCodesDocument,
} from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { codeOf } from '../../../domain/sign-up';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';
import { QrComponent } from '../../../shared/qr/qr';

/** Codes at sign-in by an authenticator app: set up, given up, recovery codes made anew. What is secret is shown once. */
@Component({
  selector: 'cw-totp',
  imports: [FieldComponent, ProblemComponent, QrComponent],
  templateUrl: './totp.html',
  styleUrls: ['../section.css', './totp.css'],
})
export class TotpComponent {
  private readonly graph = inject(Graph);
  private readonly sanitizer = inject(DomSanitizer);
  readonly hasTotp = input.required<boolean>();
  readonly codesLeft = input.required<number>();
  readonly changed = output();

  protected readonly attempt = attempt();
  protected readonly setup = signal<BeginTotpMutation['beginTotp'] | null>(null);
  protected readonly codes = signal<readonly string[]>([]);
  /** What he is about to do, for which password or code are asked for. */
  protected readonly asks = signal<'nothing' | 'begin' | 'end' | 'codes'>('nothing');

  protected ask(what: 'nothing' | 'begin' | 'end' | 'codes'): void {
    this.attempt.forget();
    this.asks.set(what);
  }

  protected async begin(form: HTMLFormElement): Promise<void> {
    const password = textOf(form, 'password');
    if (!password) return this.attempt.refuse('Enter your password.');
    const begun = await this.attempt.run(() => this.graph.mutate(BeginTotpDocument, { password }));
    if (!begun) return;
    this.asks.set('nothing');
    this.setup.set(begun.beginTotp);
  }

  protected async confirm(form: HTMLFormElement): Promise<void> {
    const code = codeOf(textOf(form, 'code'));
    if (!code) return this.attempt.refuse('Enter the six digits that the app shows.');
    const done = await this.attempt.run(() => this.graph.mutate(ConfirmTotpDocument, { code }));
    if (!done) return;
    this.setup.set(null);
    this.codes.set(done.confirmTotp);
    this.changed.emit();
  }

  protected async endOrRenew(form: HTMLFormElement): Promise<void> {
    const variables = { password: textOf(form, 'password'), code: codeOf(textOf(form, 'code')) };
    if (!variables.password || !variables.code) return this.attempt.refuse('Enter your password and a code.');
    const codes = await this.attempt.run(async () => {
      if (this.asks() === 'codes')
        return (await this.graph.mutate(NewRecoveryCodesDocument, variables)).newRecoveryCodes;
      await this.graph.mutate(EndTotpDocument, variables);
      return [];
    });
    if (!codes) return;
    this.asks.set('nothing');
    this.codes.set(codes);
    this.changed.emit();
  }

  /** Angular lets few schemes through; of others only that of authenticator apps is meant here. */
  protected trusted(uri: string): SafeUrl {
    return uri.startsWith('otpauth://') ? this.sanitizer.bypassSecurityTrustUrl(uri) : '';
  }

  protected forgetSetup(): void {
    this.attempt.forget();
    this.setup.set(null);
  }

  protected seen(): void {
    this.codes.set([]);
  }

  protected save(): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${this.codes().join('\n')}\n`], { type: 'text/plain' }));
    link.download = 'cryptwire-recovery-codes.txt';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}
