import { TestBed } from '@angular/core/testing';
import { Router } from '@angular/router';
import { NavController } from '@ionic/angular';

import { CLOCK } from '../clock';
import { Graph } from '../graph/graph';
import { Subscriptions } from '../graph/subscriptions';
import { Permissions } from '../permissions/permissions';
import { Preferences } from '../preferences';
import { Renewal } from './renewal';
import { localPath, Session, type User } from './session';

describe('where a sign-in leads', () => {
  it.each([
    ['/hoppers/12', '/hoppers/12'],
    ['', '/hoppers'],
    [null, '/hoppers'],
    ['//evil.test', '/hoppers'],
    ['/\\evil.test', '/hoppers'],
    ['https://evil.test', '/hoppers'],
    ['/sign-in?return=%2F', '/hoppers'],
  ])('%s leads to %s', (target, path) => {
    expect(localPath(target)).toBe(path);
  });
});

describe('who is signed in', () => {
  type Answer = (me: User | null) => void;

  function made(): { session: Session; answers: Answer[] } {
    const answers: Answer[] = [];
    const query = (): Promise<unknown> => new Promise((resolve) => answers.push((me) => resolve({ me })));
    TestBed.configureTestingModule({
      providers: [
        { provide: Graph, useValue: { query, mutate: () => Promise.resolve({}) } },
        { provide: Subscriptions, useValue: { follow: () => () => undefined } },
        { provide: Router, useValue: { url: '/hoppers' } },
        { provide: NavController, useValue: { navigateRoot: () => Promise.resolve(true) } },
        { provide: Renewal, useValue: { isWorthTrying: false, renew: () => Promise.resolve(false), ended: () => 0 } },
        { provide: Permissions, useValue: { load: () => Promise.resolve() } },
        { provide: Preferences, useValue: { apply: () => undefined } },
        { provide: CLOCK, useValue: { now: () => 0, after: () => () => undefined } },
      ],
    });
    return { session: TestBed.inject(Session), answers };
  }

  const user = (email: string): User => ({ id: '1', email, permissions: [], preferences: {} }) as unknown as User;

  it('is told by the answer to the latest question, whichever answer comes last', async () => {
    const { session, answers } = made();
    const [earlier, later] = [session.read(), session.read()];
    answers[1]?.(user('new'));
    await later;
    answers[0]?.(user('old'));
    await earlier;
    expect(session.user()?.email).toBe('new');
    const next = session.read();
    answers[2]?.(user('newer'));
    await next;
    expect(session.user()?.email).toBe('newer');
  });

  it('stays nobody when an answer comes after he has left', async () => {
    const { session, answers } = made();
    const first = session.read();
    answers[0]?.(user('here'));
    await first;
    const late = session.read();
    await session.signOut();
    answers[1]?.(user('here'));
    await late;
    expect(session.user()).toBeNull();
  });
});
