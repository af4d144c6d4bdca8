import { Component, computed, DestroyRef, effect, inject, signal, untracked } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonContent, IonRouterLinkWithHref } from '@ionic/angular';

import { PortfolioDocument, type PortfolioQuery } from '../../../generated/graphql';
import { CLOCK } from '../../core/clock';
import { Graph } from '../../core/graph/graph';
import { Permissions } from '../../core/permissions/permissions';
import { Poll } from '../../core/poll';
import { Preferences } from '../../core/preferences';
import { amountOf, DOTS, priceOf } from '../../domain/amount';
import type { Bar } from '../../domain/bar';
import { byValue, priceOfPair, shareOf } from '../../domain/holding';
import type { Resolution } from '../../domain/resolution';
import { AgeComponent } from '../../shared/age/age';
import { AmountPipe, QuantityPipe } from '../../shared/amount/amount';
import { ChangeComponent } from '../../shared/change/change';
import { ChartComponent } from '../../shared/chart/chart';
import type { SymbolInfo } from '../../shared/datafeed/datafeed';
import { Live } from '../../shared/datafeed/live';
import { HeaderComponent } from '../../shared/header/header';
import { IconComponent } from '../../shared/icon/icon';
import { LockedComponent } from '../../shared/locked/locked';

const EVERY = 5_000;

/** One hopper: its portfolio as candles, what it is worth now, what it is made of. */
@Component({
  selector: 'cw-portfolio',
  imports: [
    AgeComponent,
    AmountPipe,
    ChangeComponent,
    ChartComponent,
    HeaderComponent,
    IconComponent,
    IonContent,
    IonRouterLinkWithHref,
    LockedComponent,
    QuantityPipe,
    RouterLink,
  ],
  templateUrl: './portfolio.html',
  styleUrl: './portfolio.css',
})
export class PortfolioPage {
  private readonly graph = inject(Graph);
  private readonly live = inject(Live);
  private readonly clock = inject(CLOCK);
  private readonly permissions = inject(Permissions);
  private readonly title = inject(Title);
  protected readonly preferences = inject(Preferences);
  protected readonly id = inject(ActivatedRoute).snapshot.paramMap.get('id') ?? '';
  protected readonly symbol = `HOPPER:${this.id}`;

  /** Whether his plan opens live values; one that does not would be refused the whole question. */
  protected readonly isLive = computed(() => this.permissions.can('view', 'live-portfolio'));
  protected readonly poll = new Poll<PortfolioQuery>(
    () => this.graph.query(PortfolioDocument, { id: this.id, live: this.isLive() }),
    EVERY,
    this.clock,
  );
  protected readonly isShown = signal(false);
  protected readonly hopper = computed(() => this.poll.value()?.hopper ?? null);
  protected readonly portfolio = computed(() => this.hopper()?.portfolio ?? null);
  protected readonly isMissing = computed(() => this.poll.failure()?.code === 'NOT_FOUND');
  protected readonly receivedAt = computed(() => new Date(this.poll.receivedAt()).toISOString());

  /** The candle and the day in progress, as they came live. */
  private readonly candle = signal<Bar | null>(null);
  private readonly candleAt = signal(0);
  private readonly day = signal<Bar | null>(null);
  /** The live candle, unless the connection is gone and a question was answered since. */
  private readonly latest = computed(() =>
    this.live.connection().kind === 'live' || this.candleAt() >= this.poll.receivedAt() ? this.candle() : null,
  );
  protected readonly value = computed(() => this.latest()?.close ?? this.portfolio()?.value ?? null);
  protected readonly open = computed(() => this.latest()?.open ?? this.portfolio()?.open ?? null);
  protected readonly dayOpen = computed(() => this.day()?.open ?? null);

  protected readonly holdings = computed(() => byValue(this.portfolio()?.holdings ?? []));
  protected readonly positions = computed(() => {
    const [hopper, portfolio] = [this.hopper(), this.portfolio()];
    return (portfolio?.positions ?? []).map((position) => ({
      ...position,
      price: priceOfPair(position.pair, hopper?.baseCurrency ?? '', portfolio?.holdings ?? []),
    }));
  });
  protected readonly priceOf = priceOf;
  protected readonly number = Number;

  constructor() {
    effect(() => {
      const [hopper, value] = [this.hopper(), this.value()];
      if (!hopper || !this.isShown()) return;
      const amount = this.preferences.isMasked()
        ? DOTS
        : value === null
          ? ''
          : amountOf(value, hopper.baseCurrency, this.preferences.decimals());
      this.title.setTitle(`${amount} ${hopper.baseCurrency} · ${hopper.name}`.trim());
    });
    effect(() => {
      this.isLive();
      untracked(() => {
        if (this.isShown()) this.ionViewWillEnter();
      });
    });
    inject(DestroyRef).onDestroy(() => this.ionViewWillLeave());
  }

  private subscriptions: string[] = [];

  ionViewWillEnter(): void {
    this.unfollow();
    this.isShown.set(true);
    this.poll.start();
    if (!this.permissions.can('view', 'live-candles')) return;
    this.follow('15', (bar) => {
      this.candle.set(bar);
      this.candleAt.set(this.clock.now());
    });
    this.follow('1D', (bar) => this.day.set(bar));
  }

  ionViewWillLeave(): void {
    this.isShown.set(false);
    this.poll.stop();
    this.unfollow();
  }

  private unfollow(): void {
    for (const subscription of this.subscriptions) this.live.datafeed.unsubscribeBars(subscription);
    this.subscriptions = [];
  }

  protected again(): void {
    this.poll.start();
  }

  protected share(value: number | null): number {
    return shareOf(value, this.portfolio()?.value ?? 0);
  }

  private follow(resolution: Resolution, then: (bar: Bar) => void): void {
    const symbol: SymbolInfo = { ticker: this.symbol, description: '', timezone: '', pricescale: 100, currency: '' };
    let latest = -Infinity;
    const subscription = this.live.datafeed.subscribeBars(symbol, resolution, {
      onBar: (bar) => {
        if (bar.time < latest) return;
        latest = bar.time;
        then(bar);
      },
      onMissed: () => undefined,
      onReset: () => undefined,
      onError: () => undefined,
    });
    this.subscriptions.push(subscription);
  }
}
