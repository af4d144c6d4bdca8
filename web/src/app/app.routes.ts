import type { Route, Routes } from '@angular/router';

import { signedIn } from './core/session/session';

const titled = (name: string): string => `${name} · Cryptwire`;

/** A page for everybody. */
function open(path: string, name: string, loadComponent: Route['loadComponent']): Route {
  return { path, title: titled(name), loadComponent };
}

/** A page for who is signed in. */
function own(path: string, name: string, loadComponent: Route['loadComponent']): Route {
  return { ...open(path, name, loadComponent), canActivate: [signedIn] };
}

export const routes: Routes = [
  { path: '', pathMatch: 'full', redirectTo: 'hoppers' },
  open('sign-in', 'Sign in', () => import('./features/sign-in/sign-in').then((m) => m.SignInPage)),
  open('sign-up', 'Create an account', () => import('./features/sign-up/sign-up').then((m) => m.SignUpPage)),
  open('confirm', 'Confirm', () => import('./features/confirm/confirm').then((m) => m.ConfirmPage)),
  open('forgot-password', 'Forgot password', () =>
    import('./features/forgot-password/forgot-password').then((m) => m.ForgotPasswordPage),
  ),
  open('reset-password', 'New password', () =>
    import('./features/reset-password/reset-password').then((m) => m.ResetPasswordPage),
  ),
  open('confirm-email', 'New address', () =>
    import('./features/confirm-email/confirm-email').then((m) => m.ConfirmEmailPage),
  ),
  open('deleted', 'Deleted', () => import('./features/deleted/deleted').then((m) => m.DeletedPage)),
  own('link/callback', 'Connect', () =>
    import('./features/link-callback/link-callback').then((m) => m.LinkCallbackPage),
  ),
  own('hoppers', 'Hoppers', () => import('./features/hoppers/hoppers').then((m) => m.HoppersPage)),
  own('hoppers/:id', 'Portfolio', () => import('./features/portfolio/portfolio').then((m) => m.PortfolioPage)),
  own('notices', 'Notices', () => import('./features/notices/notices').then((m) => m.NoticesPage)),
  own('settings', 'Settings', () => import('./features/settings/overview/overview').then((m) => m.SettingsPage)),
  own('settings/profile', 'Profile', () => import('./features/settings/profile/profile').then((m) => m.ProfilePage)),
  own('settings/notices', 'Notices', () => import('./features/settings/channels/channels').then((m) => m.ChannelsPage)),
  own('settings/security', 'Security', () =>
    import('./features/settings/security/security').then((m) => m.SecurityPage),
  ),
  own('settings/plan', 'Plan', () => import('./features/settings/plan/plan').then((m) => m.PlanPage)),
  own('settings/connection', 'Connection', () =>
    import('./features/settings/connection/connection').then((m) => m.ConnectionPage),
  ),
  own('settings/webhook', 'Webhook', () => import('./features/settings/webhook/webhook').then((m) => m.WebhookPage)),
  own('settings/data', 'Your data', () => import('./features/settings/data/data').then((m) => m.DataPage)),
  own('**', 'Not found', () => import('./features/not-found/not-found').then((m) => m.NotFoundPage)),
];
