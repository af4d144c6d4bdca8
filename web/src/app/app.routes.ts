import type { Routes } from '@angular/router';

import { signedIn } from './core/session/session';

export const routes: Routes = [
  { path: '', pathMatch: 'full', redirectTo: 'hoppers' },
  {
    path: 'sign-in',
    title: 'Sign in · Cryptwire',
    loadComponent: () => import('./features/sign-in/sign-in').then((m) => m.SignInPage),
  },
  {
    path: 'hoppers',
    title: 'Hoppers · Cryptwire',
    canActivate: [signedIn],
    loadComponent: () => import('./features/hoppers/hoppers').then((m) => m.HoppersPage),
  },
  {
    path: 'hoppers/:id',
    title: 'Portfolio · Cryptwire',
    canActivate: [signedIn],
    loadComponent: () => import('./features/portfolio/portfolio').then((m) => m.PortfolioPage),
  },
  {
    path: '**',
    title: 'Not found · Cryptwire',
    canActivate: [signedIn],
    loadComponent: () => import('./features/not-found/not-found').then((m) => m.NotFoundPage),
  },
];
