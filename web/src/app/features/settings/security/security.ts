import { Component, inject, signal } from '@angular/core';

import { SecurityDocument, type SecurityQuery } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Graph } from '../../../core/graph/graph';
import { FailureComponent } from '../../../shared/failure/failure';
import { SettingsFrameComponent } from '../frame/frame';
import { PasswordComponent } from '../password/password';
import { SessionsComponent } from '../sessions/sessions';
import { TokensComponent } from '../tokens/tokens';
import { TotpComponent } from '../totp/totp';

/** What guards the account: password, codes, devices, tokens. */
@Component({
  selector: 'cw-security',
  imports: [
    FailureComponent,
    PasswordComponent,
    SessionsComponent,
    SettingsFrameComponent,
    TokensComponent,
    TotpComponent,
  ],
  template: `
    <cw-settings-frame heading="Security">
      @if (security(); as security) {
        <cw-totp [hasTotp]="security.hasTotp" [codesLeft]="security.recoveryCodesLeft" (changed)="read()" />
      } @else if (reading.failure(); as failure) {
        <section><cw-failure [message]="failure.message" [code]="failure.code" (again)="read()" /></section>
      } @else {
        <section><div class="bone" aria-label="Loading"></div></section>
      }
      <cw-password />
      <cw-sessions />
      <cw-tokens />
    </cw-settings-frame>
  `,
  styleUrl: '../section.css',
})
export class SecurityPage {
  private readonly graph = inject(Graph);
  protected readonly reading = attempt();
  protected readonly security = signal<SecurityQuery['security'] | null>(null);

  ionViewWillEnter(): void {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(SecurityDocument, {}));
    if (read) this.security.set(read.security);
  }
}
