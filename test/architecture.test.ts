import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** What the files below a folder of src/ may import: other folders of src/, gen/, and npm or node modules. */
const rules: Record<string, { readonly own: readonly string[]; readonly modules: 'any' | readonly string[] }> = {
  vault: { own: [], modules: ['node:assert', 'node:assert/strict'] },
  encryption: { own: ['vault'], modules: 'any' },
  store: { own: ['vault'], modules: 'any' },
  authentication: { own: ['vault'], modules: 'any' },
  audit: { own: ['vault'], modules: 'any' },
  config: { own: [], modules: 'any' },
  embedded: { own: [], modules: 'any' },
  gateway: { own: ['vault', 'gen/google', 'gen/grpc', 'gen/health'], modules: 'any' },
};

/**
 * The floors inside a folder of src/, from top to bottom; `.` is the folder's own files. A file imports from its own subfolder
 * and from lower floors, never from a higher one or from a neighbour on its floor. Subfolders of subfolders have their own.
 */
const floors: Record<string, readonly (readonly string[])[]> = {
  gateway: [
    ['.'],
    ['system'],
    ['rest', 'rpc', 'openapi'],
    ['messages'],
    ['admission'],
    ['routes'],
    ['request'],
    ['errors'],
    ['contract'],
    ['port'],
  ],
  vault: [['credentials'], ['workspaces'], ['identity'], ['audit', 'requests', 'search', 'usage'], ['.']],
  authentication: [['.'], ['oidc']],
  store: [
    ['stores', 'upgrade'],
    ['commits', 'search'],
    ['trail'],
    ['credentials', 'requests', 'workspaces'],
    ['identity', 'schema'],
    ['postgres'],
    ['postgres/sessions'],
    ['postgres/connect', 'postgres/statements'],
    ['entities', 'migrations'],
  ],
};

const dialectModules = new Set(['@bufbuild/protobuf', '@bufbuild/protobuf/wkt', 'node:assert', 'node:assert/strict']);

interface Import {
  readonly file: string;
  readonly specifier: string;
  /** The imported file from the root of the project; undefined for a module of npm or node. */
  readonly target: string | undefined;
}

describe('the architecture', () => {
  const imports = globSync('src/**/*.ts', { cwd: root }).flatMap(importsOf);

  for (const [folder, rule] of Object.entries(rules)) {
    it(`lets src/${folder} import ${['itself', ...rule.own].join(', ')} and nothing else of the project`, () => {
      const foreign = imports.filter(({ file, target, specifier }) => {
        if (!file.startsWith(`src/${folder}/`)) return false;
        if (target === undefined) return rule.modules !== 'any' && !rule.modules.includes(specifier);
        return ![folder, ...rule.own].some((allowed) => isBelow(target, allowed));
      });
      expect(foreign.map(describeImport)).to.deep.equal([]);
    });
  }

  for (const [folder, levels] of Object.entries(floors)) {
    it(`lets the floors of src/${folder} import only downwards`, () => {
      const upward = imports.filter(({ file, target = '' }) => {
        const [from, to] = [floorOf(folder, file), floorOf(folder, target)];
        if (from === undefined || to === undefined || from === to) return false;
        return !(levelOf(levels, from) < levelOf(levels, to));
      });
      expect(upward.map(describeImport)).to.deep.equal([]);
    });

    it(`gives each subfolder of src/${folder} a floor`, () => {
      const subfolders = new Set(globSync('src/**/*.ts', { cwd: root }).flatMap((file) => floorOf(folder, file) ?? []));
      expect([...subfolders].toSorted()).to.deep.equal(levels.flat().toSorted());
    });
  }

  it('lets a dialect import its own package, the vault, the gateway and what all dialects share, and nothing else', () => {
    const foreign = imports.filter(({ file, target, specifier }) => {
      const dialect = /^src\/dialects\/([^/]+)\//.exec(file)?.[1];
      if (dialect === undefined) return false;
      if (target === undefined) return !dialectModules.has(specifier);
      const isShared = target.startsWith('src/dialects/shared/');
      const allowed = ['vault', 'gateway', `dialects/${dialect}`, `gen/${dialect}`];
      return !isShared && !allowed.some((folder) => isBelow(target, folder));
    });
    expect(foreign.map(describeImport)).to.deep.equal([]);
  });

  it('knows every folder of src/', () => {
    const folders = new Set(imports.flatMap(({ file }) => /^src\/([^/]+)\//.exec(file)?.[1] ?? []));
    const known = [...Object.keys(rules), 'commands', 'dialects', 'metrics', 'start', 'tracing'];
    expect([...folders].toSorted()).to.deep.equal(known.toSorted());
  });

  it('keeps the client apart: it imports nothing of src/, and is imported by nothing else', () => {
    const clientFiles = globSync('client/src/**/*.ts', { cwd: root });
    const outward = clientFiles.flatMap(importsOf).filter(({ target }) => target && !target.startsWith('client/src/'));
    const inward = imports
      .concat(globSync('test/**/*.ts', { cwd: root }).flatMap(importsOf))
      .filter(({ target, specifier }) => target?.startsWith('client/') || specifier.startsWith('@coffer/client'));
    expect(clientFiles).not.to.have.lengthOf(0);
    expect([...outward, ...inward].map(describeImport)).to.deep.equal([]);
  });

  it('has no folders of the client that import each other, directly or through others', () => {
    const files = globSync('client/src/**/*.ts', { cwd: root });
    expect(findCycles(files.flatMap(importsOf), 'client/src')).to.deep.equal([]);
  });

  it('reads the environment in src/main.ts only', () => {
    const readers = globSync('src/**/*.ts', { cwd: root }).filter((file) => /process\s*\.\s*env/.test(read(file)));
    expect(readers).to.deep.equal(['src/main.ts']);
  });

  it('has main at the top, then the commands, then what starts a server', () => {
    expect(globSync('src/*.ts', { cwd: root })).to.deep.equal(['src/main.ts']);
    const upward = imports.filter(({ file, target }) => {
      if (target === undefined) return false;
      const isMain = dirname(file) === 'src';
      const isCommand = file.startsWith('src/commands/');
      if (target === 'src/main.ts') return true;
      if (isBelow(target, 'commands')) return !isMain && !isCommand;
      return isBelow(target, 'start') && !isMain && !isCommand && !file.startsWith('src/start/');
    });
    expect(upward.map(describeImport)).to.deep.equal([]);
  });

  it('has no folders that import each other, directly or through others', () => {
    expect(findCycles(imports)).to.deep.equal([]);
  });

  it('finds the imports that it judges', () => {
    expect(imports.length).to.be.greaterThan(100);
    expect(imports.some(({ target }) => target === 'src/vault/credentials/ports.ts')).to.equal(true);
  });
});

/** Groups of folders, each of which reaches all the others of its group by imports. */
function findCycles(imports: readonly Import[], below = 'src'): readonly (readonly string[])[] {
  const targets = new Map<string, Set<string>>();
  for (const { file, target } of imports) {
    if (!target?.startsWith(`${below}/`)) continue;
    const known = targets.get(dirname(file)) ?? new Set();
    targets.set(dirname(file), known.add(dirname(target)));
  }
  const folders = [...targets.keys()].toSorted();
  const reached = new Map(folders.map((folder) => [folder, reach(folder, targets)]));
  const isTied = (one: string, other: string) =>
    one === other || (reached.get(one)?.has(other) === true && reached.get(other)?.has(one) === true);
  const groups = folders.map((folder) => folders.filter((other) => isTied(folder, other)));
  return groups.filter((group, index) => group.length > 1 && group[0] === folders[index]);
}

function reach(start: string, targets: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const pending = [start];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const next of targets.get(folder) ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      pending.push(next);
    }
  }
  return found;
}

function importsOf(file: string): Import[] {
  const text = read(file).replace(/\/\*[\s\S]*?\*\//g, '');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|\bimport\s*\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
  return Array.from(text.matchAll(pattern), (match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const target = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : undefined;
    return { file, specifier, target };
  });
}

/** The path of the subfolder of a folder of src/ that a file is in, `.` for the folder's own files; undefined for files elsewhere. */
function floorOf(folder: string, file: string): string | undefined {
  const path = `src/${folder}/`;
  return file.startsWith(path) ? dirname(file.slice(path.length)) : undefined;
}

function levelOf(levels: readonly (readonly string[])[], floor: string): number {
  return levels.findIndex((level) => level.includes(floor));
}

function isBelow(target: string, folder: string): boolean {
  return target.startsWith(folder.startsWith('gen/') ? `${folder}/` : `src/${folder}/`);
}

function describeImport({ file, specifier }: Import): string {
  return `${file} imports ${specifier}`;
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
