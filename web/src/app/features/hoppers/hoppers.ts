import { Component, computed, effect, type ElementRef, inject, signal, untracked, viewChild } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonContent, IonRefresher, IonRefresherContent, type RefresherCustomEvent } from '@ionic/angular';

import { HoppersDocument, type HoppersQuery } from '../../../generated/graphql';
import { CLOCK } from '../../core/clock';
import { Graph } from '../../core/graph/graph';
import { isTyping } from '../../core/keyboard';
import { Permissions } from '../../core/permissions/permissions';
import { Poll } from '../../core/poll';
import { AgeComponent } from '../../shared/age/age';
import { AmountPipe } from '../../shared/amount/amount';
import { ChangeComponent } from '../../shared/change/change';
import { FailureComponent } from '../../shared/failure/failure';
import { HeaderComponent } from '../../shared/header/header';
import { IconComponent } from '../../shared/icon/icon';
import { LockedComponent } from '../../shared/locked/locked';
import { ChecklistComponent } from './checklist/checklist';

const EVERY = 5_000;

/** The user's hoppers and what each is worth, asked for anew each five seconds while the page is open. */
@Component({
  selector: 'cw-hoppers',
  imports: [
    AgeComponent,
    AmountPipe,
    ChangeComponent,
    FailureComponent,
    ChecklistComponent,
    HeaderComponent,
    IconComponent,
    LockedComponent,
    IonContent,
    IonRefresher,
    IonRefresherContent,
    RouterLink,
  ],
  templateUrl: './hoppers.html',
  styleUrl: './hoppers.css',
  host: { '(window:keydown)': 'onKey($event)' },
})
export class HoppersPage {
  private readonly graph = inject(Graph);
  private readonly permissions = inject(Permissions);
  private readonly search = viewChild<ElementRef<HTMLInputElement>>('search');
  private isShown = false;

  /** Whether his plan opens live values; one that does not would be refused the whole question. */
  protected readonly isLive = computed(() => this.permissions.can('view', 'live-portfolio'));
  protected readonly poll = new Poll<HoppersQuery>(
    () => this.graph.query(HoppersDocument, { live: this.isLive() }),
    EVERY,
    inject(CLOCK),
  );
  protected readonly wanted = signal('');
  protected readonly all = computed(() => this.poll.value()?.hoppers ?? null);
  protected readonly hoppers = computed(() => {
    const wanted = this.wanted().trim().toLowerCase();
    return this.all()?.filter((each) =>
      `${each.name} ${each.exchange} ${each.baseCurrency}`.toLowerCase().includes(wanted),
    );
  });
  protected readonly receivedAt = computed(() => new Date(this.poll.receivedAt()).toISOString());

  constructor() {
    effect(() => {
      this.isLive();
      untracked(() => {
        if (this.isShown) this.poll.start();
      });
    });
  }

  ionViewWillEnter(): void {
    this.isShown = true;
    this.poll.start();
  }

  ionViewWillLeave(): void {
    this.isShown = false;
    this.poll.stop();
  }

  protected again(): void {
    this.poll.start();
  }

  protected refresh(event: Event): void {
    this.poll.start();
    void (event as RefresherCustomEvent).target.complete();
  }

  protected onKey(event: KeyboardEvent): void {
    if (!this.isShown || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = this.search()?.nativeElement;
    if (event.key === 'Escape' && event.target === search) {
      this.wanted.set('');
      search?.blur();
    } else if (event.key === '/' && !isTyping(event.target)) {
      search?.focus();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (isTyping(event.target) && event.target !== search) return;
      this.step(event.key === 'ArrowDown' ? 1 : -1);
    } else return;
    event.preventDefault();
  }

  private step(by: 1 | -1): void {
    const rows = [...document.querySelectorAll<HTMLElement>('cw-hoppers [data-test="hopper-row"]')];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
  }
}
