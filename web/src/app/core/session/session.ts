import { inject, Injectable, signal } from '@angular/core';
import type { CanActivateFn } from '@angular/router';
import { Router } from '@angular/router';
import { NavController } from '@ionic/angular';

import { MeDocument, type MeQuery, SignInDocument, SignOutDocument } from '../../../generated/graphql';
import { Graph } from '../graph';

export type User = NonNullable<MeQuery['me']>;

/** Who is signed in. The session itself is a cookie that scripts cannot read; this is what the server said of it. */
@Injectable({ providedIn: 'root' })
export class Session {
  private readonly graph = inject(Graph);
  private readonly router = inject(Router);
  private readonly navigation = inject(NavController);
  private readonly whoever = signal<User | null>(null);
  private isKnown = false;

  readonly user = this.whoever.asReadonly();
  /** True after a session ended by itself, until the next sign-in. */
  readonly hasExpired = signal(false);

  constructor() {
    this.graph.onUnauthenticated = () => this.expire();
  }

  /** Asks the server once who this is. Rejects with GraphError when it cannot be asked. */
  async known(): Promise<User | null> {
    if (!this.isKnown) {
      this.whoever.set((await this.graph.query(MeDocument, {})).me);
      this.isKnown = true;
    }
    return this.whoever();
  }

  /** Rejects with GraphError INVALID when e-mail or password are wrong. Then goes to where he wanted to be. */
  async signIn(email: string, password: string, target: string): Promise<void> {
    const { signIn } = await this.graph.mutate(SignInDocument, { email, password });
    this.whoever.set(signIn);
    this.isKnown = true;
    this.hasExpired.set(false);
    await this.navigation.navigateRoot(localPath(target), { animated: false });
  }

  /** Ends the session. Rejects with GraphError, still signed in, when the server could not be told. */
  async signOut(): Promise<void> {
    await this.graph.mutate(SignOutDocument, {});
    this.whoever.set(null);
    await this.navigation.navigateRoot('/sign-in', { animated: false });
  }

  /** The server no longer knows the session: sign in again, then back to here. */
  expire(): void {
    if (!this.whoever()) return;
    this.whoever.set(null);
    this.hasExpired.set(true);
    const target = this.router.url;
    void this.navigation.navigateRoot('/sign-in', { animated: false, queryParams: { return: target } });
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
