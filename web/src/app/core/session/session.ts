import { effect, inject, Injectable, signal, untracked } from '@angular/core';
import type { CanActivateFn } from '@angular/router';
import { Router } from '@angular/router';
import { NavController } from '@ionic/angular';

import {
  AccountChangedDocument,
  ConfirmSignUpDocument,
  MeDocument,
  SignInDocument,
  SignOutDocument,
  type WhoFragment,
} from '../../../generated/graphql';
import { deviceOf } from '../../domain/device';
import { CLOCK } from '../clock';
import { Graph } from '../graph/graph';
import { Subscriptions } from '../graph/subscriptions';
import { Permissions } from '../permissions/permissions';
import { Preferences } from '../preferences';
import { Renewal } from './renewal';

export type User = WhoFragment;

/** Who is signed in. The session itself is in cookies that scripts cannot read; this is what the server said of it. */
@Injectable({ providedIn: 'root' })
export class Session {
  private readonly graph = inject(Graph);
  private readonly subscriptions = inject(Subscriptions);
  private readonly router = inject(Router);
  private readonly navigation = inject(NavController);
  private readonly renewal = inject(Renewal);
  private readonly clock = inject(CLOCK);
  private readonly permissions = inject(Permissions);
  private readonly preferences = inject(Preferences);
  private readonly whoever = signal<User | null>(null);
  private isKnown = false;
  /** Questions who this is, in the order in which they were asked; and the newest of which the answer counts. */
  private asked = 0;
  private heard = 0;

  readonly user = this.whoever.asReadonly();
  /** True after a session ended by itself, until the next sign-in. */
  readonly hasExpired = signal(false);

  constructor() {
    this.graph.onUnauthenticated = (askedAt) => this.recover(askedAt);
    this.subscriptions.onUnauthenticated = () => this.recover();
    this.renewal.onOver = () => this.expire();
    effect((onCleanup) => {
      if (!this.user()?.id) return;
      untracked(() => {
        const again = (): void => void this.read().catch(() => undefined);
        onCleanup(this.subscriptions.follow(AccountChangedDocument, {}, again));
      });
    });
  }

  /** Asks the server once who this is. Rejects with GraphError when it cannot be asked. */
  async known(): Promise<User | null> {
    if (!this.isKnown) {
      await this.read();
      this.renewal.goOn();
      this.isKnown = true;
    }
    return this.whoever();
  }

  /**
   * Asks the server who this is now: his plan, what he may, what he prefers. A session that is over is left.
   *
   * Answers may overtake each other: one counts for nothing when a later question was answered before, or when he has
   * signed in or left meanwhile.
   */
  async read(): Promise<User | null> {
    const number = ++this.asked;
    const askedAt = this.clock.now();
    let { me } = await this.graph.query(MeDocument, {});
    if (!me && (this.renewal.isWorthTrying || this.whoever()) && (await this.renewal.renew(askedAt)))
      ({ me } = await this.graph.query(MeDocument, {}));
    if (number < this.heard) return this.whoever();
    this.heard = number;
    if (me) await this.be(me, number);
    else this.expire();
    return me;
  }

  /** Rejects with GraphError: INVALID when something is wrong, CODE_NEEDED for want of a code. Then goes to where he wanted to be. */
  async signIn(email: string, password: string, code: string | null, target: string): Promise<void> {
    const device = deviceOf(navigator.userAgent);
    const { signIn } = await this.graph.mutateOnce(SignInDocument, { email, password, code, device });
    await this.begin(signIn, localPath(target));
  }

  /** Makes the account that was asked for and signs in. Rejects with GraphError, INVALID unless link and password are right. */
  async confirmSignUp(token: string, password: string): Promise<void> {
    const device = deviceOf(navigator.userAgent);
    const { confirmSignUp } = await this.graph.mutateOnce(ConfirmSignUpDocument, { token, password, device });
    await this.begin(confirmSignUp, '/hoppers');
  }

  /** Ends the session. Rejects with GraphError, still signed in, when the server could not be told. */
  async signOut(): Promise<void> {
    await this.graph.mutate(SignOutDocument, {});
    await this.leave('/sign-in');
  }

  /** The session is over because he wanted so: nothing of him stays on the page. */
  async leave(path: string): Promise<void> {
    this.forget();
    await this.navigation.navigateRoot(path, { animated: false });
  }

  /** True when there is access again after what was asked at `askedAt` (ms) was refused; a session that is over is left. */
  async recover(askedAt: number | null = null): Promise<boolean> {
    const isBack = (this.renewal.isWorthTrying || this.whoever() !== null) && (await this.renewal.renew(askedAt));
    if (!isBack) this.expire();
    return isBack;
  }

  /** The server no longer knows the session: sign in again, then back to here. */
  expire(): void {
    if (!this.whoever()) return;
    this.forget();
    this.hasExpired.set(true);
    const target = this.router.url;
    void this.navigation.navigateRoot('/sign-in', { animated: false, queryParams: { return: target } });
  }

  private async begin(begun: { expiresAt: string; user: User }, path: string): Promise<void> {
    this.renewal.begun(begun.expiresAt);
    this.hasExpired.set(false);
    this.isKnown = true;
    this.heard = ++this.asked;
    await this.be(begun.user, this.heard);
    await this.navigation.navigateRoot(path, { animated: false });
  }

  private async be(user: User, number: number): Promise<void> {
    await this.permissions.load(user.permissions);
    if (number !== this.heard) return;
    this.preferences.apply(user.preferences);
    if (JSON.stringify(user) !== JSON.stringify(this.whoever())) this.whoever.set(user);
  }

  private forget(): void {
    this.heard = ++this.asked;
    this.renewal.ended();
    this.whoever.set(null);
    this.preferences.apply(null);
    void this.permissions.load([]);
  }
}

/** A path of this app; anything else (another site, no path) is the start page. */
export function localPath(target: string | null): string {
  return target && /^\/(?![/\\])/.test(target) && !target.startsWith('/sign-in') ? target : '/hoppers';
}

/** Lets a signed-in user pass; a stranger goes to the sign-in and from there to where he wanted to be. */
export const signedIn: CanActivateFn = async (_, state) => {
  const router = inject(Router);
  const user = await inject(Session).known();
  return user ? true : router.createUrlTree(['/sign-in'], { queryParams: { return: state.url } });
};
