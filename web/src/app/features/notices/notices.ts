import { Component, computed, inject, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonContent, IonRouterLinkWithHref } from '@ionic/angular';

import {
  MarkNoticesReadDocument,
  NoticesDocument,
  NoticeToldDocument,
  type ToldFragment,
} from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { Graph } from '../../core/graph/graph';
import { Subscriptions } from '../../core/graph/subscriptions';
import { Session } from '../../core/session/session';
import { momentOf } from '../../domain/plan';
import { AgeComponent } from '../../shared/age/age';
import { FailureComponent } from '../../shared/failure/failure';
import { HeaderComponent } from '../../shared/header/header';
import { ProblemComponent } from '../../shared/problem/problem';

/** What he was told, newest first; a new notice appears by itself. Seen here, they count as read. */
@Component({
  selector: 'cw-notices',
  imports: [
    AgeComponent,
    FailureComponent,
    HeaderComponent,
    IonContent,
    IonRouterLinkWithHref,
    ProblemComponent,
    RouterLink,
  ],
  templateUrl: './notices.html',
  styleUrl: './notices.css',
})
export class NoticesPage {
  private readonly graph = inject(Graph);
  private readonly subscriptions = inject(Subscriptions);
  private readonly session = inject(Session);
  private stop = (): void => undefined;
  protected readonly reading = attempt();
  protected readonly notices = signal<readonly ToldFragment[] | null>(null);
  protected readonly nextAfter = signal<string | null>(null);
  protected readonly zone = computed(() => this.session.user()?.zone ?? 'UTC');
  protected readonly momentOf = momentOf;

  ionViewWillEnter(): void {
    void this.read();
    const again = (): void => void this.read();
    this.stop = this.subscriptions.follow(NoticeToldDocument, {}, again, again);
  }

  ionViewWillLeave(): void {
    this.stop();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(NoticesDocument, {}));
    if (!read) return;
    this.notices.set(read.notices.nodes);
    this.nextAfter.set(read.notices.hasMore ? read.notices.endCursor : null);
    const newest = read.notices.nodes[0];
    if (newest && !newest.readAt)
      await this.graph.mutate(MarkNoticesReadDocument, { until: newest.id }).catch(() => undefined);
  }

  protected async older(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(NoticesDocument, { after: this.nextAfter() }));
    if (!read) return;
    const known = new Set(this.notices()?.map(({ id }) => id));
    this.notices.update((notices) => [...(notices ?? []), ...read.notices.nodes.filter(({ id }) => !known.has(id))]);
    this.nextAfter.set(read.notices.hasMore ? read.notices.endCursor : null);
  }
}
