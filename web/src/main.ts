import { provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideRouter, RouteReuseStrategy, withDisabledInitialNavigation } from '@angular/router';
import { IonicRouteStrategy, provideIonicAngular } from '@ionic/angular';

import { App } from './app/app';
import { routes } from './app/app.routes';

bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    provideIonicAngular({ mode: 'md', animated: false, swipeBackEnabled: false }),
    provideRouter(routes, withDisabledInitialNavigation()),
    { provide: RouteReuseStrategy, useClass: IonicRouteStrategy },
  ],
}).catch((error: unknown) => {
  document.body.textContent = 'Cryptwire could not start in this browser.';
  throw error;
});
