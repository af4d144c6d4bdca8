import { Component, computed, DestroyRef, effect, inject, output, signal, untracked } from '@angular/core';

import { HopperNamesDocument, type ImportStage, RefreshImportDocument } from '../../../generated/graphql';
import { attempt } from '../../core/attempt';
import { CLOCK } from '../../core/clock';
import { Graph } from '../../core/graph/graph';
import { Subscriptions } from '../../core/graph/subscriptions';
import { Now } from '../../core/now';
import { partOf, remainsOf } from '../../domain/progress';
import { AgeComponent } from '../age/age';
import { ProblemComponent } from '../problem/problem';
import { ImportWatch } from './import-watch';

const STAGES: Readonly<Record<ImportStage, string>> = {
  HOPPERS: 'Reading your hoppers',
  CONFIGURATION: 'Reading their settings',
  POSITIONS: 'Reading positions and orders',
  TRADES: 'Reading all trades',
  BACK_FILL: 'Drawing the past 90 days',
};

/** How far the import from Cryptohopper is: stage, count, estimate, what went wrong and how to go on. Empty when there was none. */
@Component({
  selector: 'cw-import-progress',
  imports: [AgeComponent, ProblemComponent],
  templateUrl: './import-progress.html',
  styleUrl: './import-progress.css',
})
export class ImportProgressComponent {
  private readonly graph = inject(Graph);
  private readonly now = inject(Now);
  private readonly watch = new ImportWatch(this.graph, inject(Subscriptions), inject(CLOCK));

  private readonly names = signal<ReadonlyMap<string, string>>(new Map());

  /** Said once an import that was seen at work is over. */
  readonly finished = output();

  protected readonly attempt = attempt();
  protected readonly progress = this.watch.poll.value;
  protected readonly failure = this.watch.poll.failure;
  protected readonly isRunning = computed(() => ['WAITING', 'RUNNING'].includes(this.progress()?.state ?? ''));
  protected readonly part = computed(() => {
    const progress = this.progress();
    return progress ? partOf(progress.done, progress.total) : null;
  });
  protected readonly percent = computed(() => {
    const part = this.part();
    return part === null ? null : Math.round(part * 100);
  });
  protected readonly remains = computed(() => remainsOf(this.progress()?.estimatedEndAt ?? null, this.now.ms()));
  protected readonly title = computed(() => {
    const progress = this.progress();
    if (!progress) return '';
    if (progress.state === 'DONE') return progress.problems.length > 0 ? 'Imported, but not everything' : 'Imported';
    if (progress.state === 'FAILED') return 'The import failed';
    if (progress.state === 'STOPPED') return 'The import was stopped';
    if (progress.state === 'WAITING' || !progress.stage) return 'The import begins in a moment';
    return STAGES[progress.stage];
  });

  constructor() {
    let wasRunning = false;
    effect(() => {
      const isRunning = this.isRunning();
      if (wasRunning && !isRunning) this.finished.emit();
      wasRunning = isRunning;
    });
    effect(() => {
      const progress = this.progress();
      const ids = [progress?.hopper, ...(progress?.problems ?? []).map(({ hopper }) => hopper)];
      if (ids.some((id) => id && !untracked(this.names).has(id))) untracked(() => void this.readNames(ids));
    });
    this.watch.start();
    inject(DestroyRef).onDestroy(() => this.watch.stop());
  }

  /** A hopper's name, or its number while the name is not known. */
  protected nameOf(id: string): string {
    return this.names().get(id) || `Hopper ${id}`;
  }

  /** What has no name (deleted meanwhile) is not asked for again. */
  private async readNames(ids: readonly (string | null | undefined)[]): Promise<void> {
    const names = new Map(this.names());
    for (const id of ids) if (id) names.set(id, names.get(id) ?? '');
    this.names.set(names);
    try {
      const { hoppers } = await this.graph.query(HopperNamesDocument, {});
      this.names.update((known) => new Map([...known, ...hoppers.map(({ id, name }) => [id, name] as const)]));
    } catch {
      // The number stands in for it.
    }
  }

  protected async again(): Promise<void> {
    if ((await this.attempt.run(() => this.graph.mutate(RefreshImportDocument, {}))) !== null) this.watch.again();
  }
}
