import { Component, inject, signal } from '@angular/core';

import {
  EndOutgoingWebhookDocument,
  OutgoingWebhookDocument,
  type OutgoingWebhookQuery,
  SetOutgoingWebhookDocument,
  TestOutgoingWebhookDocument,
} from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { focusFirst, textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { AgeComponent } from '../../../shared/age/age';
import { FailureComponent } from '../../../shared/failure/failure';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';
import { SecretComponent } from '../secret/secret';

/** A server of his own that notices are sent to, signed with a secret that is shown once. */
@Component({
  selector: 'cw-webhook',
  imports: [AgeComponent, FailureComponent, FieldComponent, ProblemComponent, SecretComponent, SettingsFrameComponent],
  templateUrl: './webhook.html',
  styleUrl: '../section.css',
})
export class WebhookPage {
  private readonly graph = inject(Graph);
  protected readonly reading = attempt();
  protected readonly saving = attempt();
  protected readonly trying = attempt();
  protected readonly isRead = signal(false);
  protected readonly webhook = signal<OutgoingWebhookQuery['outgoingWebhook']>(null);
  protected readonly urlError = signal<string | null>(null);
  protected readonly secret = signal('');
  protected readonly isTried = signal(false);

  ionViewWillEnter(): void {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(OutgoingWebhookDocument, {}));
    if (!read) return;
    this.webhook.set(read.outgoingWebhook);
    this.isRead.set(true);
  }

  protected async save(form: HTMLFormElement): Promise<void> {
    const url = textOf(form, 'url');
    this.urlError.set(/^https?:\/\/\S+$/.test(url) ? null : 'An address that begins with https://');
    if (this.urlError()) return focusFirst(form, ['url']);
    const saved = await this.saving.run(() => this.graph.mutate(SetOutgoingWebhookDocument, { url }));
    if (!saved) return;
    this.secret.set(saved.setOutgoingWebhook.secret);
    await this.read();
  }

  protected async end(): Promise<void> {
    await this.trying.run(() => this.graph.mutate(EndOutgoingWebhookDocument, {}));
    this.secret.set('');
    await this.read();
  }

  protected async test(): Promise<void> {
    this.isTried.set(false);
    const isSent = await this.trying.run(() => this.graph.mutate(TestOutgoingWebhookDocument, {}));
    this.isTried.set(isSent !== null);
    await this.read();
  }
}
