import { MODEL } from './model';

/** One rule of one's own reduced policy. */
export interface Rule {
  readonly resource: string;
  readonly action: string;
  /** allow or deny */
  readonly effect: string;
}

export type Decide = (action: string, resource: string) => boolean;

/**
 * Casbin's decision by these rules, as the server would decide by the whole policy.
 *
 * The library is loaded when first needed; it touches node's Buffer while it loads, which browsers do not have.
 */
export async function deciderOf(rules: readonly Rule[]): Promise<Decide> {
  const world = globalThis as { Buffer?: unknown };
  world.Buffer ??= await nodeBuffer();
  const { newEnforcer, newModelFromString } = await import('casbin');
  const enforcer = await newEnforcer(newModelFromString(MODEL));
  if (rules.length > 0)
    await enforcer.addPolicies(rules.map(({ resource, action, effect }) => ['me', resource, action, effect]));
  const decided = new Map<string, boolean>();
  return (action, resource) => {
    const key = `${action} ${resource}`;
    let may = decided.get(key);
    if (may === undefined) {
      may = enforcer.enforceSync('me', resource, action);
      decided.set(key, may);
    }
    return may;
  };
}

/** It is no module of the language, and bundlers do not agree on where what it exports then is. */
async function nodeBuffer(): Promise<unknown> {
  const shim = (await import('buffer')) as { Buffer?: unknown; default?: { Buffer?: unknown } };
  return shim.Buffer ?? shim.default?.Buffer;
}
