import { Component, computed, input } from '@angular/core';

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  eye: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 15a3 3 0 100-6 3 3 0 000 6z',
  'eye-off':
    'M4 4l16 16M9.9 5.7A10 10 0 0112 5.5c6.4 0 10 6.5 10 6.5a17 17 0 01-3 3.7M6 7.6A16.600 16.600 0 002 12s3.600 6.500 10 6.500a10 10 0 004-.8M10 10a3 3 0 004.200 4.200',
  out: 'M9 4H5v16h4M15 8l4 4-4 4M19 12H9',
  help: 'M9 9a3 3 0 116 .5c0 2-3 2.200-3 4.500M12 17.500v.5',
  hoppers: 'M4 6h16M4 12h16M4 18h10',
  bell: 'M6 16V11a6 6 0 0112 0v5l1.500 2h-15zM10 20.500h4',
  settings:
    'M4 7h8M16 7h4M4 17h4M12 17h8M14 9.500a2.500 2.500 0 100-5 2.500 2.500 0 000 5zM10 19.500a2.500 2.500 0 100-5 2.500 2.500 0 000 5z',
  link: 'M10 14a4 4 0 006 .5l3-3a4 4 0 00-5.700-5.700l-1.200 1.200M14 10a4 4 0 00-6-.5l-3 3a4 4 0 005.700 5.700l1.200-1.200',
  user: 'M12 12a4 4 0 100-8 4 4 0 000 8zM4.500 20a7.500 7.500 0 0115 0',
  shield: 'M12 3l7.500 3v5.500c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V6z',
  gem: 'M7 4h10l4 6-9 10L3 10zM3 10h18M9.500 10L12 20l2.500-10L12 4z',
  send: 'M21 3L3 10.500l7 3 3 7zM10 13.500L21 3',
  data: 'M12 4v11M7.500 11l4.500 4.500 4.500-4.500M4 20h16',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  next: 'M9 5l7 7-7 7',
  latest: 'M5 5l7 7-7 7M17 5v14',
};

export type IconName = keyof typeof PATHS;

/** A line drawing of ours, in the colour of the text around it. */
@Component({
  selector: 'cw-icon',
  template: `<svg viewBox="0 0 24 24" aria-hidden="true"><path [attr.d]="path()" /></svg>`,
  styles: `
    :host {
      display: inline-flex;
    }
    svg {
      width: 18px;
      height: 18px;
      fill: none;
      stroke: currentColor;
      stroke-width: 1.8;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
  `,
})
export class IconComponent {
  readonly name = input.required<IconName>();
  protected readonly path = computed(() => PATHS[this.name()]);
}
