import { Component, computed, inject, signal } from '@angular/core';

import {
  BeginCheckoutDocument,
  PlansDocument,
  type PlansQuery,
  StartTrialDocument,
} from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Graph } from '../../../core/graph/graph';
import { LEAVE } from '../../../core/leave';
import { Session } from '../../../core/session/session';
import { dayOf, openedBy, planName } from '../../../domain/plan';
import { FailureComponent } from '../../../shared/failure/failure';
import { IconComponent } from '../../../shared/icon/icon';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';

/** The plans, which is his and until when, and the way to another. */
@Component({
  selector: 'cw-plan',
  imports: [FailureComponent, IconComponent, ProblemComponent, SettingsFrameComponent],
  templateUrl: './plan.html',
  styleUrls: ['../section.css', './plan.css'],
})
export class PlanPage {
  private readonly graph = inject(Graph);
  private readonly leave = inject(LEAVE);
  protected readonly session = inject(Session);
  protected readonly reading = attempt();
  protected readonly changing = attempt();
  protected readonly plans = signal<PlansQuery['plans'] | null>(null);
  protected readonly zone = computed(() => this.session.user()?.zone ?? 'UTC');
  protected readonly planName = planName;
  protected readonly openedBy = openedBy;
  protected readonly dayOf = dayOf;

  ionViewWillEnter(): void {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(PlansDocument, {}));
    if (read) this.plans.set(read.plans);
  }

  protected async startTrial(): Promise<void> {
    await this.changing.run(async () => {
      await this.graph.mutate(StartTrialDocument, {});
      await this.session.read();
    });
    await this.read();
  }

  protected async checkOut(plan: string): Promise<void> {
    const begun = await this.changing.run(() => this.graph.mutate(BeginCheckoutDocument, { plan }));
    if (begun) this.leave(begun.beginCheckout);
  }
}
