import { Component, input } from '@angular/core';
import { IonContent } from '@ionic/angular';

/** A page for who is not signed in: the mark, a heading, one narrow column. */
@Component({
  selector: 'cw-entrance',
  imports: [IonContent],
  template: `
    <ion-content>
      <main>
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M4 20h5l3-9 5 14 4-11 2 6h5" /></svg>
        <h1>{{ heading() }}</h1>
        <ng-content />
      </main>
    </ion-content>
  `,
  styles: `
    :host {
      display: contents;
    }
    main {
      box-sizing: border-box;
      max-width: 400px;
      margin: 0 auto;
      padding: max(10vh, 32px) 24px 40px;
    }
    .mark {
      display: block;
      width: 52px;
      height: 52px;
      margin-left: -6px;
      fill: none;
      stroke: var(--brand);
      stroke-width: 2.4;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
    h1 {
      margin: 4px 0 20px;
      font-size: 26px;
      font-weight: 650;
      letter-spacing: -0.01em;
    }
  `,
})
export class EntranceComponent {
  readonly heading = input('Cryptwire');
}
