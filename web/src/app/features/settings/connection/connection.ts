import { Component, computed, inject, signal } from '@angular/core';

import { BeginLinkDocument, LinkDocument, type LinkQuery, UnlinkDocument } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { LEAVE } from '../../../core/leave';
import { Session } from '../../../core/session/session';
import { momentOf } from '../../../domain/plan';
import { FailureComponent } from '../../../shared/failure/failure';
import { FieldComponent } from '../../../shared/field/field';
import { ImportProgressComponent } from '../../../shared/import-progress/import-progress';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';

/** The link to Cryptohopper: its state, the way to make, renew and cut it, and the import of what is there. */
@Component({
  selector: 'cw-connection-page',
  imports: [FailureComponent, FieldComponent, ImportProgressComponent, ProblemComponent, SettingsFrameComponent],
  templateUrl: './connection.html',
  styleUrls: ['../section.css', './connection.css'],
})
export class ConnectionPage {
  private readonly graph = inject(Graph);
  private readonly leave = inject(LEAVE);
  private readonly session = inject(Session);
  protected readonly reading = attempt();
  protected readonly linking = attempt();
  protected readonly unlinking = attempt();
  protected readonly link = signal<LinkQuery['link'] | null>(null);
  protected readonly asksToCut = signal(false);
  protected readonly isShown = signal(false);
  protected readonly zone = computed(() => this.session.user()?.zone ?? 'UTC');
  protected readonly momentOf = momentOf;

  ionViewWillEnter(): void {
    this.isShown.set(true);
    void this.read();
  }

  ionViewWillLeave(): void {
    this.isShown.set(false);
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(LinkDocument, {}));
    if (read) this.link.set(read.link);
  }

  protected async connect(): Promise<void> {
    const begun = await this.linking.run(() => this.graph.mutate(BeginLinkDocument, {}));
    if (begun) this.leave(begun.beginLink.authorizeUrl);
  }

  protected async cut(form: HTMLFormElement): Promise<void> {
    const password = textOf(form, 'password');
    if (!password) return this.unlinking.refuse('Enter your password.');
    if ((await this.unlinking.run(() => this.graph.mutate(UnlinkDocument, { password }))) === null) return;
    this.asksToCut.set(false);
    await this.read();
  }

  protected ask(asks: boolean): void {
    this.unlinking.forget();
    this.asksToCut.set(asks);
  }
}
