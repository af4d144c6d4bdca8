/**
 * Who may import whom: domain knows the standard library alone; core knows domain; shared knows both; features know all of
 * these but not each other; the chart library is known to its driver, the GraphQL client to core. Ends with 1 when broken.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const app = resolve(dirname(fileURLToPath(import.meta.url)), '../src/app');
const ALLOWED = { domain: ['domain'], core: ['core', 'domain'], shared: ['shared', 'core', 'domain'] };
const OWNERS = {
  'lightweight-charts': /^shared\/chart\/lw-driver/,
  '@urql/core': /^core\/graph\/graph/,
  'graphql-ws': /^core\/graph\/subscriptions/,
  casbin: /^core\/permissions\/enforcer/,
  qr: /^shared\/qr\//,
};
const broken = [];

for (const entry of readdirSync(app, { recursive: true, withFileTypes: true })) {
  if (!entry.name.endsWith('.ts')) continue;
  const file = join(entry.parentPath, entry.name);
  const name = relative(app, file).replaceAll('\\', '/');
  const isTest = name.endsWith('.spec.ts');
  const [layer, feature] = name.split('/');
  for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    const owner = OWNERS[target];
    if (owner && !owner.test(name)) broken.push(`${name} imports ${target}`);
    if (!target.startsWith('.')) {
      if (layer === 'domain' && !isTest) broken.push(`${name} imports ${target}`);
      continue;
    }
    const [there, other] = relative(app, resolve(dirname(file), target))
      .replaceAll('\\', '/')
      .split('/');
    if (there === '..' || (isTest && there === 'testing')) continue;
    if (ALLOWED[layer] && !ALLOWED[layer].includes(there)) broken.push(`${name} imports ${there}`);
    if (layer === 'features' && there === 'features' && other !== feature)
      broken.push(`${name} imports ${there}/${other}`);
  }
}

for (const line of broken) console.error(line);
process.exitCode = broken.length > 0 ? 1 : 0;
