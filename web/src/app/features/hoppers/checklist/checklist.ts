import { Component, computed, inject, output, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { BeginLinkDocument, LinkDocument, type LinkQuery } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Graph } from '../../../core/graph/graph';
import { LEAVE } from '../../../core/leave';
import { FailureComponent } from '../../../shared/failure/failure';
import { IconComponent } from '../../../shared/icon/icon';
import { ImportProgressComponent } from '../../../shared/import-progress/import-progress';
import { ProblemComponent } from '../../../shared/problem/problem';

/** What a new user still has to do until he sees figures: confirm, connect, watch. The next step has the button. */
@Component({
  selector: 'cw-checklist',
  imports: [
    FailureComponent,
    IconComponent,
    ImportProgressComponent,
    IonRouterLinkWithHref,
    ProblemComponent,
    RouterLink,
  ],
  templateUrl: './checklist.html',
  styleUrl: './checklist.css',
})
export class ChecklistComponent {
  private readonly graph = inject(Graph);
  private readonly leave = inject(LEAVE);

  /** Said when there may be hoppers now. */
  readonly again = output();

  protected readonly reading = attempt();
  protected readonly linking = attempt();
  protected readonly link = signal<LinkQuery['link'] | null>(null);
  protected readonly isLinked = computed(() => ['LINKED', 'SCOPES_MISSING'].includes(this.link()?.state ?? ''));

  constructor() {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(LinkDocument, {}));
    if (read) this.link.set(read.link);
  }

  protected async connect(): Promise<void> {
    const begun = await this.linking.run(() => this.graph.mutate(BeginLinkDocument, {}));
    if (begun) this.leave(begun.beginLink.authorizeUrl);
  }
}
