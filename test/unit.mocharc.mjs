// The configuration of `npm run test:unit`, which runs in seconds. A test belongs to the unit tests when nothing that it imports,
// directly or through other files of the project, opens a database, a port or another process. The list needs no upkeep.
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Modules that reach outside the process. */
const external = new Set(
  ['child_process', 'cluster', 'http', 'http2', 'net', 'tls']
    .map((name) => `node:${name}`)
    .concat('pg', 'fastify', '@grpc/grpc-js', '@connectrpc/connect-node', 'playwright-core'),
);

/** The imports of each file that was read: paths from the root, or names of modules. */
const importsByFile = new Map();

export default {
  spec: globSync('{client/,}test/**/*.test.ts', { cwd: root })
    .toSorted()
    .filter((path) => !reachesOutside(path)),
  parallel: true,
  jobs: 2,
  timeout: 60_000,
};

function reachesOutside(start) {
  const seen = new Set([start]);
  const pending = [start];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const target of importsOf(path)) {
      if (external.has(target)) return true;
      if (!/^(client\/)?(src|test)\//.test(target) || seen.has(target)) continue;
      seen.add(target);
      pending.push(target);
    }
  }
  return false;
}

function importsOf(path) {
  let imports = importsByFile.get(path);
  if (!imports) importsByFile.set(path, (imports = readImports(path)));
  return imports;
}

/** Type imports are erased, so they do not count. */
function readImports(path) {
  const text = readFileSync(resolve(root, path), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const pattern = /^(?:import|export) (?!type\b)[^'";]*?from '([^']+)'|^import '([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return Array.from(text.matchAll(pattern), ([, ...specifiers]) => {
    const specifier = specifiers.find((each) => each !== undefined);
    return specifier.startsWith('.') ? relative(root, resolve(root, dirname(path), specifier)) : specifier;
  });
}
