import { Component, computed, input } from '@angular/core';

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  eye: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 15a3 3 0 100-6 3 3 0 000 6z',
  'eye-off':
    'M4 4l16 16M9.9 5.7A10 10 0 0112 5.5c6.4 0 10 6.5 10 6.5a17 17 0 01-3 3.7M6 7.6A16.600 16.600 0 002 12s3.600 6.500 10 6.500a10 10 0 004-.8M10 10a3 3 0 004.200 4.200',
  out: 'M9 4H5v16h4M15 8l4 4-4 4M19 12H9',
  help: 'M9 9a3 3 0 116 .5c0 2-3 2.200-3 4.500M12 17.500v.5',
  latest: 'M5 5l7 7-7 7M17 5v14',
};

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
  readonly name = input.required<keyof typeof PATHS>();
  protected readonly path = computed(() => PATHS[this.name()]);
}
