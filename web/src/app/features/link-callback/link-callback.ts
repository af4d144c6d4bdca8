import { Component, inject, signal } from '@angular/core';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonRouterLinkWithHref, NavController } from '@ionic/angular';

import { BeginLinkDocument, CompleteLinkDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { Graph } from '../../core/graph/graph';
import { LEAVE } from '../../core/leave';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { ProblemComponent } from '../../shared/problem/problem';

/** Where Cryptohopper sends him back to after its question: the link is made, or it is said why not and how to go on. */
@Component({
  selector: 'cw-link-callback',
  imports: [EntranceComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  template: `
    <cw-entrance [heading]="isFailed() ? 'Not connected' : 'Connecting…'">
      @if (isFailed()) {
        @if (refusal; as refusal) {
          <p data-test="link-refused">{{ refusal }}</p>
        } @else {
          <cw-problem data-test="link-failure" [of]="completing" />
        }
        <cw-problem [of]="beginning" />
        <button
          type="button"
          class="button main wide"
          data-test="link-again"
          [disabled]="beginning.isBlocked()"
          (click)="again()"
        >
          Try again at Cryptohopper
        </button>
        <p class="ways"><a routerLink="/hoppers" routerDirection="root">Not now</a></p>
      } @else {
        <p role="status">Cryptohopper has said yes. One moment: the connection is being made.</p>
      }
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class LinkCallbackPage {
  private readonly graph = inject(Graph);
  private readonly leave = inject(LEAVE);
  private readonly navigation = inject(NavController);
  private readonly asked = inject(ActivatedRoute).snapshot.queryParamMap;
  protected readonly completing = attempt();
  protected readonly beginning = attempt();
  protected readonly refusal = refusalOf(
    this.asked.get('error'),
    !!this.asked.get('code') && !!this.asked.get('state'),
  );
  protected readonly isFailed = signal(this.refusal !== null);

  constructor() {
    if (!this.refusal) void this.complete();
  }

  protected async again(): Promise<void> {
    const begun = await this.beginning.run(() => this.graph.mutate(BeginLinkDocument, {}));
    if (begun) this.leave(begun.beginLink.authorizeUrl);
  }

  private async complete(): Promise<void> {
    const variables = { code: this.asked.get('code')!, state: this.asked.get('state')! };
    const done = await this.completing.run(() => this.graph.mutate(CompleteLinkDocument, variables));
    if (done) await this.navigation.navigateRoot('/settings/connection', { animated: false });
    else this.isFailed.set(true);
  }
}

/** What a refusal means, by the words of OAuth; null when there is a code to go on with. */
export function refusalOf(error: string | null, isWhole: boolean): string | null {
  if (error === 'access_denied')
    return 'You said no at Cryptohopper, so nothing was connected. Cryptwire needs your consent to read your hoppers.';
  if (error) return `Cryptohopper did not connect your account (${error.slice(0, 60)}). Trying again mostly helps.`;
  return isWhole ? null : 'The answer of Cryptohopper is not whole. Begin once more.';
}
