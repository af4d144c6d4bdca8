import { signal } from '@angular/core';

import {
  ImportProgressChangedDocument,
  type ImportProgressChangedSubscription,
  ImportProgressDocument,
  type ProgressFragment,
} from '../../../generated/graphql';
import type { Clock } from '../../core/clock';
import type { Graph } from '../../core/graph/graph';
import type { Subscriptions } from '../../core/graph/subscriptions';
import { Poll } from '../../core/poll';

const EVERY = 3_000;
/** The server tells something each 30 s at the latest; after more than that it is asked. */
const QUIET = 35_000;

/** How far the import is: as it is told, and asked for while nothing is told. */
export class ImportWatch {
  private readonly told = signal<ProgressFragment | null>(null);
  private toldAt = -Infinity;
  private stopFollowing = (): void => undefined;

  readonly poll: Poll<ProgressFragment | null>;

  constructor(
    private readonly graph: Pick<Graph, 'query'>,
    private readonly subscriptions: Pick<Subscriptions, 'follow'>,
    private readonly clock: Clock,
  ) {
    this.poll = new Poll(() => this.ask(), EVERY, clock);
  }

  start(): void {
    this.stop();
    this.poll.start();
    this.stopFollowing = this.subscriptions.follow(
      ImportProgressChangedDocument,
      {},
      ({ importProgress }: ImportProgressChangedSubscription) => {
        this.told.set(importProgress);
        this.toldAt = this.clock.now();
        this.poll.start();
      },
    );
  }

  stop(): void {
    this.stopFollowing();
    this.stopFollowing = () => undefined;
    this.toldAt = -Infinity;
    this.poll.stop();
  }

  /** Begin anew with a question: something was just set going. */
  again(): void {
    this.toldAt = -Infinity;
    this.poll.start();
  }

  private async ask(): Promise<ProgressFragment | null> {
    if (this.clock.now() - this.toldAt < QUIET) return this.told();
    return (await this.graph.query(ImportProgressDocument, {})).importProgress;
  }
}
