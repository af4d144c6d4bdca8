import {
  type CandlestickData,
  CandlestickSeries,
  type ChartOptions,
  ColorType,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  type DeepPartial,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from 'lightweight-charts';

import { DOTS, fixed } from '../../domain/amount';
import { type Bar, barAt } from '../../domain/bar';
import { grouped, type Mark } from '../../domain/mark';
import { isIntraday, type Resolution } from '../../domain/resolution';
import { onWallClock, Zone } from '../../domain/zone';

export interface Theme {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly background: string;
  readonly up: string;
  readonly down: string;
  /** Behind what the cross-hair says on the axes; the text on it is white. */
  readonly label: string;
  readonly font: string;
}

/** Bars from the left edge at which older ones are asked for. */
const NEAR_EDGE = 60;
/** Seconds after a clock change in which all is drawn anew: longer than any change. */
const AFTER_CLOCK_CHANGE = 3 * 3600;

/**
 * Draws bars with lightweight-charts, which knows no time zones: here, and only here, intraday bars get the wall clock of the
 * zone as their time. What goes in and what comes out are bars as the datafeed knows them.
 */
export class LwDriver {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<'Candlestick'>;
  private readonly volumes: ISeriesApi<'Histogram'>;
  private readonly markers: ISeriesMarkersPluginApi<Time>;
  private bars: readonly Bar[] = [];
  private shown: Bar[] = [];
  private marks: readonly Mark[] = [];
  private zone = Zone.of('Etc/UTC');
  private resolution: Resolution = '15';
  private decimals = 2;
  private isMasked = false;

  constructor(
    host: HTMLElement,
    private theme: Theme,
    private readonly on: { nearStart(): void; hover(bar: Bar | null): void },
  ) {
    this.chart = createChart(host, { autoSize: true, ...this.options() });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineWidth: 1 });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceLineVisible: false,
      lastValueVisible: false,
      priceFormat: { type: 'volume' },
    });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
    this.markers = createSeriesMarkers(this.candles, []);
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && this.shown.length > 0 && range.from < NEAR_EDGE) this.on.nearStart();
    });
    this.chart.subscribeCrosshairMove(({ time }) => {
      const bar = typeof time === 'number' ? barAt(this.shown, time) : undefined;
      this.on.hover(bar ?? null);
    });
    this.paint();
  }

  /** Another series: empties the chart. `decimals` are those of its prices. */
  begin(resolution: Resolution, zone: Zone, decimals: number): void {
    this.resolution = resolution;
    this.zone = zone;
    this.decimals = decimals;
    this.marks = [];
    this.setBars([]);
    this.paint();
    this.chart.timeScale().applyOptions({ timeVisible: isIntraday(resolution) });
  }

  /** All bars, ascending. What is looked at stays in place when older ones come in front. */
  setBars(bars: readonly Bar[]): void {
    const isFirst = this.bars.length === 0;
    this.bars = bars;
    this.shown = isIntraday(this.resolution) ? onWallClock(bars, this.zone) : [...bars];
    this.candles.setData(this.shown.map(candleOf));
    this.volumes.setData(this.shown.map((bar) => this.volumeOf(bar)));
    this.drawMarks();
    if (isFirst && bars.length > 0) this.showLatest();
  }

  /** The last bar anew, or the next. `bars` are all, this one included. */
  update(bar: Bar, bars: readonly Bar[]): void {
    const last = this.shown.at(-1);
    const before = this.bars.at(-1);
    const time = isIntraday(this.resolution) ? this.zone.wallAt(bar.time) : bar.time;
    const isPlain =
      last !== undefined &&
      before !== undefined &&
      !this.isNearClockChange(bar) &&
      (bar.time === before.time ? last.time === time : time > last.time && bar.time > before.time);
    if (!isPlain) {
      this.setBars(bars);
      return;
    }
    const shown = { ...bar, time };
    if (last.time === time) this.shown[this.shown.length - 1] = shown;
    else this.shown.push(shown);
    this.bars = bars;
    this.candles.update(candleOf(shown));
    this.volumes.update(this.volumeOf(shown));
  }

  setMarks(marks: readonly Mark[]): void {
    this.marks = marks;
    this.drawMarks();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.paint();
    if (this.bars.length > 0) this.setBars(this.bars);
  }

  setMasked(isMasked: boolean): void {
    this.isMasked = isMasked;
    this.paint();
  }

  setDecimals(decimals: number): void {
    if (decimals === this.decimals) return;
    this.decimals = decimals;
    this.paint();
  }

  /** The newest bars at a width at which candles can be told apart. */
  showLatest(): void {
    const width = this.chart.timeScale().width() || 800;
    const count = Math.max(30, Math.floor(width / 9));
    const last = this.shown.length - 1;
    this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(last - count, -count / 2), to: last + 6 });
  }

  /** Moves by so many bars, left negative; the arrow keys do so. */
  scrollBy(bars: number): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range) this.chart.timeScale().setVisibleLogicalRange({ from: range.from + bars, to: range.to + bars });
  }

  /** Shows more (above 1) or fewer bars; the right edge stays. */
  zoomBy(factor: number): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const width = Math.max(10, (range.to - range.from) * factor);
    this.chart.timeScale().setVisibleLogicalRange({ from: range.to - width, to: range.to });
  }

  dispose(): void {
    this.chart.remove();
  }

  /** True in the hours after the clock changed, when a bar may share its wall time with an earlier one. */
  private isNearClockChange({ time }: Bar): boolean {
    return isIntraday(this.resolution) && this.zone.offsetAt(time) !== this.zone.offsetAt(time - AFTER_CLOCK_CHANGE);
  }

  private drawMarks(): void {
    const times = new Map(this.shown.map((bar) => [bar.time, true]));
    const isShifted = isIntraday(this.resolution);
    this.markers.setMarkers(
      grouped(this.marks, this.bars, this.zone, isShifted)
        .map(({ bar, side, marks }) => ({
          time: (isShifted ? this.zone.wallAt(bar.time) : bar.time) as UTCTimestamp,
          position: side === 'buy' ? ('belowBar' as const) : ('aboveBar' as const),
          shape: side === 'buy' ? ('arrowUp' as const) : ('arrowDown' as const),
          color: this.theme.text,
          text: (side === 'buy' ? 'B' : 'S') + (marks.length > 1 ? ` ${marks.length}` : ''),
          size: 1,
        }))
        .filter(({ time }) => times.has(time))
        .sort((a, b) => a.time - b.time),
    );
  }

  /** A bar without trades has no column, not one of no height. */
  private volumeOf(bar: Bar): HistogramData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
    if (bar.volume <= 0) return { time: bar.time as UTCTimestamp };
    const color = (bar.close >= bar.open ? this.theme.up : this.theme.down) + '66';
    return { time: bar.time as UTCTimestamp, value: bar.volume, color };
  }

  private paint(): void {
    const { up, down } = this.theme;
    this.chart.applyOptions(this.options());
    this.candles.applyOptions({
      upColor: up,
      downColor: down,
      wickUpColor: up,
      wickDownColor: down,
      priceFormat: {
        type: 'custom',
        minMove: 10 ** -this.decimals,
        formatter: (price: number) => (this.isMasked ? DOTS : fixed(price, this.decimals)),
      },
    });
  }

  private options(): DeepPartial<ChartOptions> {
    const { faint, grid, background, label, font } = this.theme;
    return {
      layout: {
        background: { type: ColorType.Solid, color: background },
        textColor: faint,
        fontFamily: font,
        fontSize: 11,
        attributionLogo: true,
      },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      rightPriceScale: { borderVisible: false, minimumWidth: 72 },
      timeScale: { borderColor: grid, minBarSpacing: 1.5, secondsVisible: false },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { color: faint, labelBackgroundColor: label },
        horzLine: { color: faint, labelBackgroundColor: label },
      },
      localization: { timeFormatter: (time: Time) => this.momentOf(time) },
    };
  }

  /** Date, and time of day within a day; the shown time reads as UTC what the clock of the zone said. */
  private momentOf(time: Time): string {
    if (typeof time !== 'number') return '';
    return new Intl.DateTimeFormat('en-GB', {
      timeZone: 'UTC',
      ...(this.resolution === '1M'
        ? { month: 'long', year: 'numeric' }
        : { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }),
      ...(isIntraday(this.resolution) ? { hour: '2-digit', minute: '2-digit' } : {}),
    }).format(time * 1000);
  }
}

function candleOf({ time, open, high, low, close }: Bar): CandlestickData<UTCTimestamp> {
  return { time: time as UTCTimestamp, open, high, low, close };
}
