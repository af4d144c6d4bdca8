import { Component, inject, signal } from '@angular/core';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { ConfirmEmailChangeDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { Graph } from '../../core/graph/graph';
import { Session } from '../../core/session/session';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { ProblemComponent } from '../../shared/problem/problem';

/** Where the mail to a new address leads. One press, for programs that look at links before people do must not confirm it. */
@Component({
  selector: 'cw-confirm-email',
  imports: [EntranceComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  template: `
    <cw-entrance [heading]="isDone() ? 'Address changed' : 'New e-mail address'">
      @if (isDone()) {
        <p data-test="confirm-email-done">From now on you sign in with the new address.</p>
        <a class="button main wide" routerLink="/hoppers" routerDirection="root">Go on</a>
      } @else {
        <p>Press to make the address at which you read this the one of your account.</p>
        <cw-problem data-test="confirm-email-failure" [of]="attempt" />
        <button
          type="button"
          class="button main wide"
          data-test="confirm-email-submit"
          [disabled]="attempt.isBlocked()"
          (click)="confirm()"
        >
          {{ attempt.isRunning() ? 'One moment…' : 'Use this address' }}
        </button>
        <p class="ways"><a routerLink="/hoppers" routerDirection="root">Leave it as it is</a></p>
      }
    </cw-entrance>
  `,
  styleUrl: '../../shared/entrance/form.css',
})
export class ConfirmEmailPage {
  private readonly graph = inject(Graph);
  private readonly session = inject(Session);
  private readonly token = inject(ActivatedRoute).snapshot.queryParamMap.get('token') ?? '';
  protected readonly attempt = attempt();
  protected readonly isDone = signal(false);

  protected async confirm(): Promise<void> {
    const isDone = await this.attempt.run(async () => {
      await this.graph.mutate(ConfirmEmailChangeDocument, { token: this.token });
      return true;
    });
    if (!isDone) return;
    this.isDone.set(true);
    if (this.session.user()) await this.session.read().catch(() => undefined);
  }
}
