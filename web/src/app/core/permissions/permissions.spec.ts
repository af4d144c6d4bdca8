import { TestBed } from '@angular/core/testing';

import { deciderOf, type Rule } from './enforcer';
import { MODEL } from './model';
import { DECIDER, Permissions } from './permissions';
import vectors from './vectors.json';

describe('the decision in the browser', () => {
  it('is made by the model of the server', () => {
    expect(MODEL).toBe(vectors.model);
  });

  it.each(vectors.cases)('agrees with the server for $roles', async ({ rules, may }) => {
    const decide = await deciderOf(rules.map(([resource, action, effect]) => ({ resource, action, effect }) as Rule));
    const allowed = vectors.asked.flatMap(([action, resource], i) => (decide(action!, resource!) ? [i] : []));
    expect(allowed).toEqual(may);
  });
});

describe('permissions', () => {
  const RULES = [{ resource: 'hoppers', action: 'view', effect: 'allow' }];

  it('are all refused until they are loaded, and when nobody is signed in any more', async () => {
    const permissions = TestBed.inject(Permissions);
    expect(permissions.can('view', 'hoppers')).toBe(false);
    await permissions.load(RULES);
    expect([permissions.can('view', 'hoppers'), permissions.can('change', 'hoppers')]).toEqual([true, false]);
    await permissions.load([]);
    expect(permissions.can('view', 'hoppers')).toBe(false);
  });

  it('are all refused when the engine cannot be loaded, until it can', async () => {
    let fails = true;
    const decider = (rules: readonly Rule[]) =>
      fails ? Promise.reject(new Error('chunk')) : Promise.resolve(() => rules.length > 0);
    TestBed.configureTestingModule({ providers: [{ provide: DECIDER, useValue: decider }] });
    const permissions = TestBed.inject(Permissions);
    await permissions.load(RULES);
    expect(permissions.can('view', 'hoppers')).toBe(false);
    fails = false;
    await permissions.load(RULES);
    expect(permissions.can('view', 'hoppers')).toBe(true);
  });

  it('of the last user hold, whoever answers last', async () => {
    const answers: ((decide: () => boolean) => void)[] = [];
    const decider = () => new Promise((resolve) => answers.push(resolve));
    TestBed.configureTestingModule({ providers: [{ provide: DECIDER, useValue: decider }] });
    const permissions = TestBed.inject(Permissions);
    const first = permissions.load(RULES);
    const second = permissions.load([...RULES, ...RULES]);
    answers[1]!(() => false);
    answers[0]!(() => true);
    await Promise.all([first, second]);
    expect(permissions.can('view', 'hoppers')).toBe(false);
  });
});
