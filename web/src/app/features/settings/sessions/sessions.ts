import { Component, computed, inject, signal } from '@angular/core';

import {
  EndOtherSessionsDocument,
  EndSessionDocument,
  SessionsDocument,
  type SessionsQuery,
} from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Graph } from '../../../core/graph/graph';
import { Session } from '../../../core/session/session';
import { momentOf } from '../../../domain/plan';
import { AgeComponent } from '../../../shared/age/age';
import { FailureComponent } from '../../../shared/failure/failure';
import { ProblemComponent } from '../../../shared/problem/problem';

/** The devices that are signed in; each can be signed out from here. */
@Component({
  selector: 'cw-sessions',
  imports: [AgeComponent, FailureComponent, ProblemComponent],
  template: `
    <section data-test="sessions">
      <h2>Devices</h2>
      <p class="lead">Where you are signed in. What you do not know: sign it out, then change your password.</p>
      @if (sessions(); as sessions) {
        <ul class="list">
          @for (each of sessions; track each.id) {
            <li data-test="session-row">
              <div class="what">
                <div class="name">{{ each.device || 'Unknown device' }}</div>
                <div class="small">
                  {{ each.address }} · since {{ momentOf(each.beganAt, zone()) }}
                  @if (each.isThisOne) {
                    · <span class="ok">this device</span>
                  } @else if (each.seenAt) {
                    · seen <cw-age [at]="each.seenAt" [isAgo]="true" />
                  }
                </div>
              </div>
              @if (!each.isThisOne) {
                <button
                  type="button"
                  class="button"
                  data-test="session-end"
                  [attr.aria-label]="'Sign out ' + each.device"
                  [disabled]="ending.isBlocked()"
                  (click)="end(each.id)"
                >
                  Sign out
                </button>
              }
            </li>
          }
        </ul>
        <cw-problem [of]="ending" />
        @if (sessions.length > 1) {
          <button
            type="button"
            class="button danger"
            data-test="sessions-end"
            [disabled]="ending.isBlocked()"
            (click)="endOthers()"
          >
            Sign out all others
          </button>
        }
      } @else if (reading.failure(); as failure) {
        <cw-failure [message]="failure.message" [code]="failure.code" (again)="read()" />
      } @else {
        <div class="bone" aria-label="Loading"></div>
      }
    </section>
  `,
  styleUrl: '../section.css',
})
export class SessionsComponent {
  private readonly graph = inject(Graph);
  private readonly session = inject(Session);
  protected readonly reading = attempt();
  protected readonly ending = attempt();
  protected readonly sessions = signal<SessionsQuery['sessions'] | null>(null);
  protected readonly zone = computed(() => this.session.user()?.zone ?? 'UTC');
  protected readonly momentOf = momentOf;

  constructor() {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(SessionsDocument, {}));
    if (read) this.sessions.set(read.sessions);
  }

  protected async end(id: string): Promise<void> {
    await this.ending.run(() => this.graph.mutate(EndSessionDocument, { id }));
    await this.read();
  }

  protected async endOthers(): Promise<void> {
    await this.ending.run(() => this.graph.mutate(EndOtherSessionsDocument, {}));
    await this.read();
  }
}
