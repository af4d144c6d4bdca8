import {
  afterNextRender,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  input,
  model,
  signal,
  untracked,
  viewChild,
} from '@angular/core';

import { CLOCK } from '../../core/clock';
import { Permissions } from '../../core/permissions/permissions';
import { Preferences } from '../../core/preferences';
import { arrowOf, decimalsOf, decimalsOfScale, DOTS, fixed, percent } from '../../domain/amount';
import type { Bar } from '../../domain/bar';
import { changeOf } from '../../domain/change';
import { labelOf, lengthOf, nameOf, type Resolution, RESOLUTIONS } from '../../domain/resolution';
import { Zone } from '../../domain/zone';
import { ConnectionComponent } from '../connection/connection';
import { DatafeedError, type SymbolInfo } from '../datafeed/datafeed';
import { Live } from '../datafeed/live';
import { FailureComponent } from '../failure/failure';
import { IconComponent } from '../icon/icon';
import { LwDriver, type Theme } from './lw-driver';
import { Series } from './series';

/** Marks are read again so often while the chart is open, ms: a trade appears without a reload. */
const MARKS_EVERY = 60_000;

/** Candles of one symbol: history to its start, the last one alive, buys and sells marked. */
@Component({
  selector: 'cw-chart',
  imports: [ConnectionComponent, FailureComponent, IconComponent],
  templateUrl: './chart.html',
  styleUrl: './chart.css',
})
export class ChartComponent {
  private readonly live = inject(Live);
  private readonly clock = inject(CLOCK);
  private readonly permissions = inject(Permissions);
  private readonly preferences = inject(Preferences);
  private readonly host = viewChild.required<ElementRef<HTMLElement>>('host');

  readonly symbol = input.required<string>();
  readonly resolution = model.required<Resolution>();

  protected readonly resolutions = RESOLUTIONS;
  protected readonly labelOf = labelOf;
  protected readonly nameOf = nameOf;
  protected readonly isMasked = inject(Preferences).isMasked;
  /** Whether his plan opens candles that move. */
  protected readonly isLive = computed(() => this.permissions.can('view', 'live-candles'));
  protected readonly info = signal<SymbolInfo | null>(null);
  protected readonly isLoading = signal(true);
  protected readonly failure = signal<DatafeedError | null>(null);
  protected readonly count = signal(0);
  protected readonly last = signal<Bar | null>(null);
  protected readonly updates = signal(0);
  protected readonly hovered = signal<Bar | null>(null);
  protected readonly isEmpty = computed(() => !this.isLoading() && !this.failure() && this.count() === 0);

  /** As the user wants them for the currency of the series, else as the series has them. */
  private readonly decimals = computed(() => {
    const [info, wanted] = [this.info(), this.preferences.decimals()];
    return info?.currency && wanted ? decimalsOf(info.currency, wanted) : decimalsOfScale(info?.pricescale ?? 100);
  });

  /** The figures of the bar under the cross-hair, else of the last. */
  protected readonly legend = computed(() => {
    const bar = this.hovered() ?? this.last();
    if (!bar) return null;
    const decimals = this.decimals();
    const change = changeOf(bar.open, bar.close);
    const show = (value: number): string => (this.preferences.isMasked() ? DOTS : fixed(value, decimals));
    return {
      direction: change.direction,
      figures: [
        ['O', show(bar.open)],
        ['H', show(bar.high)],
        ['L', show(bar.low)],
        ['C', show(bar.close)],
      ],
      change: `${arrowOf(change)} ${percent(change.ratio)}`.trim(),
      volume: bar.volume > 0 ? show(bar.volume) : null,
    };
  });

  private driver: LwDriver | null = null;
  private series: Series | null = null;
  private run = 0;
  /** The user's zone when `info` was read. */
  private zone: string | null = null;
  private cancelMarks = (): void => undefined;

  constructor() {
    const destroyed = inject(DestroyRef);
    const isReady = signal(false);
    afterNextRender(() => {
      this.driver = new LwDriver(this.host().nativeElement, themeOf(this.host().nativeElement), {
        nearStart: () => void this.series?.older(),
        hover: (bar) => this.hovered.set(bar),
      });
      isReady.set(true);
    });
    effect(() => {
      const [symbol, resolution] = [this.symbol(), this.resolution()];
      const zone = this.preferences.zone(); // changed on another device, perhaps: its bars are others
      this.isLive();
      if (isReady()) untracked(() => void this.show(symbol, resolution, zone));
    });
    effect(() => {
      const isMasked = this.preferences.isMasked();
      if (isReady()) this.driver?.setMasked(isMasked);
    });
    effect(() => {
      const decimals = this.decimals();
      if (isReady()) this.driver?.setDecimals(decimals);
    });
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    const repaint = (): void => this.driver?.setTheme(themeOf(this.host().nativeElement));
    dark.addEventListener('change', repaint);
    effect(() => {
      this.preferences.colours();
      queueMicrotask(repaint); // once the page has them
    });
    destroyed.onDestroy(() => {
      dark.removeEventListener('change', repaint);
      this.leave();
      this.driver?.dispose();
    });
  }

  protected again(): void {
    void this.show(this.symbol(), this.resolution(), this.preferences.zone());
  }

  protected toLatest(): void {
    this.driver?.showLatest();
  }

  protected onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const picked = RESOLUTIONS[Number(event.key) - 1];
    if (event.key === 'ArrowLeft') this.driver?.scrollBy(-10);
    else if (event.key === 'ArrowRight') this.driver?.scrollBy(10);
    else if (event.key === 'ArrowUp' || event.key === '+') this.driver?.zoomBy(0.8);
    else if (event.key === 'ArrowDown' || event.key === '-') this.driver?.zoomBy(1.25);
    else if (event.key === 'End') this.toLatest();
    else if (picked) this.resolution.set(picked);
    else return;
    event.preventDefault();
  }

  /** Begins anew. Answers that belong to what was shown before are not heard any more. */
  private async show(name: string, resolution: Resolution, zone: string | null): Promise<void> {
    const run = this.leave();
    this.isLoading.set(true);
    this.failure.set(null);
    this.count.set(0);
    this.last.set(null);
    this.hovered.set(null);
    this.updates.set(0);
    try {
      const known = this.info();
      const isKnown = known?.ticker === name && this.zone === zone;
      const info = isKnown ? known : await this.live.datafeed.resolveSymbol(name);
      if (run !== this.run) return;
      this.info.set(info);
      this.zone = zone;
      this.driver?.begin(resolution, Zone.of(info.timezone), this.decimals());
      const series = new Series(
        this.live.datafeed,
        info,
        resolution,
        this.clock,
        {
          onBars: (bars) => {
            this.failure.set(null);
            this.driver?.setBars(bars);
            this.tell(bars);
            void this.readMarks(run);
          },
          onBar: (bar) => {
            this.driver?.update(bar, series.bars);
            this.updates.update((count) => count + 1);
            this.tell(series.bars);
          },
          onError: (error) => {
            // what his plan does not open is said elsewhere; what he may is known in a moment
            if (run === this.run && error.code !== 'forbidden') this.failure.set(error);
          },
        },
        this.isLive(),
      );
      this.series = series;
      await series.start();
    } catch (error) {
      if (run !== this.run) return;
      this.failure.set(error instanceof DatafeedError ? error : new DatafeedError('invalid', 'The chart failed.'));
    } finally {
      if (run === this.run) this.isLoading.set(false);
    }
  }

  private leave(): number {
    this.cancelMarks();
    this.series?.stop();
    this.series = null;
    return ++this.run;
  }

  private tell(bars: readonly Bar[]): void {
    this.count.set(bars.length);
    this.last.set(bars.at(-1) ?? null);
  }

  /** Marks are an extra: without them the chart stands, and they are asked for again. */
  private async readMarks(run: number): Promise<void> {
    this.cancelMarks();
    const [info, series] = [this.info(), this.series];
    const [first, last] = [series?.bars[0], series?.bars.at(-1)];
    if (!info || !first || !last) return;
    const to = Math.max(last.time, Math.ceil(this.clock.now() / 1000)) + lengthOf(this.resolution());
    try {
      const marks = await this.live.datafeed.getMarks(info, this.resolution(), first.time, to);
      if (run === this.run) this.driver?.setMarks(marks);
    } catch {
      // Asked for again below.
    }
    if (run === this.run) this.cancelMarks = this.clock.after(MARKS_EVERY, () => void this.readMarks(run));
  }
}

/** The colours of the page, read where the chart stands. */
function themeOf(element: HTMLElement): Theme {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: of('--text'),
    faint: of('--faint'),
    grid: of('--grid'),
    background: of('--panel'),
    up: of('--up'),
    down: of('--down'),
    label: of('--label'),
    font: style.fontFamily,
  };
}
