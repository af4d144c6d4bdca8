import { Component, computed, type ElementRef, inject, signal, viewChild } from '@angular/core';
import { RouterLink } from '@angular/router';
import { IonContent, IonRefresher, IonRefresherContent, type RefresherCustomEvent } from '@ionic/angular';

import { HoppersDocument, type HoppersQuery } from '../../../generated/graphql';
import { CLOCK } from '../../core/clock';
import { Graph } from '../../core/graph';
import { isTyping } from '../../core/keyboard';
import { Poll } from '../../core/poll';
import { AgeComponent } from '../../shared/age/age';
import { AmountPipe } from '../../shared/amount/amount';
import { ChangeComponent } from '../../shared/change/change';
import { FailureComponent } from '../../shared/failure/failure';
import { HeaderComponent } from '../../shared/header/header';

const EVERY = 5_000;

/** The user's hoppers and what each is worth, asked for anew each five seconds while the page is open. */
@Component({
  selector: 'cw-hoppers',
  imports: [
    AgeComponent,
    AmountPipe,
    ChangeComponent,
    FailureComponent,
    HeaderComponent,
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
  private readonly search = viewChild<ElementRef<HTMLInputElement>>('search');
  private isShown = false;

  protected readonly poll = new Poll<HoppersQuery>(() => this.graph.query(HoppersDocument, {}), EVERY, inject(CLOCK));
  protected readonly wanted = signal('');
  protected readonly all = computed(() => this.poll.value()?.hoppers ?? null);
  protected readonly hoppers = computed(() => {
    const wanted = this.wanted().trim().toLowerCase();
    return this.all()?.filter((each) =>
      `${each.name} ${each.exchange} ${each.baseCurrency}`.toLowerCase().includes(wanted),
    );
  });
  protected readonly receivedAt = computed(() => new Date(this.poll.receivedAt()).toISOString());

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
