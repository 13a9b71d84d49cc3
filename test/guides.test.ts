import { expect } from 'chai';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Documents that guide a reader through the files of the project. */
const guides = ['CONTRIBUTING.md', 'docs/README.md', ...globSync('src/**/README.md', { cwd: root }).toSorted()];

/** A file or a folder in backticks; a path of a URL begins with a slash. */
const namedPath = /(?<=`)\w[\w./-]+(?:\.(?:ts|mjs|proto|md)|\/)(?=`)/g;

describe('a guide to the code', () => {
  for (const guide of guides) {
    it(`names files and folders that exist: ${guide}`, () => {
      const paths = read(guide).match(namedPath) ?? [];
      expect(paths.filter((path) => !exists(guide, path))).to.deep.equal([]);
    });
  }

  it('follows a reveal through the files that take part in it', () => {
    const steps = read('docs/README.md').match(/^\d+\. `src\//gm) ?? [];
    expect(steps.length).to.be.greaterThan(15);
  });
});

/** Paths are relative to src/, or to a folder that contains the document; a name without a folder may be anywhere in src/. */
function exists(guide: string, path: string): boolean {
  const bases = [...foldersAbove(guide), 'src'];
  if (bases.some((base) => existsSync(resolve(root, base, path)))) return true;
  return !path.includes('/') && globSync(`src/**/${path}`, { cwd: root }).length > 0;
}

function foldersAbove(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === '.' ? ['.'] : [folder, ...foldersAbove(folder)];
}

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}
