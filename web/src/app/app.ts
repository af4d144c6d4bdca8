import { Component, inject, signal } from '@angular/core';
import { Router } from '@angular/router';
import { IonApp, IonRouterOutlet } from '@ionic/angular';

import { Config } from './core/config';
import { Keyboard } from './core/keyboard';
import { Session } from './core/session/session';
import { FailureComponent } from './shared/failure/failure';
import { NavigationComponent } from './shared/navigation/navigation';

/** The app: first learns where the servers are and who is there, then shows the page of the address. */
@Component({
  selector: 'cw-root',
  imports: [FailureComponent, IonApp, IonRouterOutlet, NavigationComponent],
  templateUrl: './app.html',
  styleUrl: './app.css',
})
export class App {
  private readonly config = inject(Config);
  protected readonly session = inject(Session);
  private readonly router = inject(Router);
  protected readonly keyboard = inject(Keyboard);
  protected readonly state = signal<'starting' | 'ready' | 'failed'>('starting');
  protected readonly keys = [
    ['h', 'hide or show amounts'],
    ['g h', 'all hoppers'],
    ['g n', 'notices'],
    ['g s', 'settings'],
    ['/', 'find a hopper'],
    ['↑ ↓ Enter', 'choose a hopper'],
    ['1 … 6', 'length of a candle (chart in focus)'],
    ['← → ↑ ↓', 'move and zoom the chart (in focus)'],
    ['End', 'latest candle'],
    ['?', 'these keys'],
  ];

  constructor() {
    this.keyboard.listen();
    void this.start();
  }

  protected async start(): Promise<void> {
    this.state.set('starting');
    try {
      await this.config.load();
      await this.session.known();
      this.state.set('ready');
      this.router.initialNavigation();
    } catch {
      this.state.set('failed');
    }
  }
}
