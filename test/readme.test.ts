import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

describe('the README', () => {
  const readme = readFileSync(resolve(root, 'README.md'), 'utf8');
  const manifest: unknown = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

  for (const kind of ['dependencies', 'devDependencies']) {
    it(`gives a reason for each of the ${kind}, and has an exact version of each`, () => {
      const versions = Object.entries(Object(Reflect.get(Object(manifest), kind)));
      expect(versions.length).to.be.greaterThan(9);
      for (const [name, version] of versions.filter(([each]) => !each.startsWith('@types/'))) {
        // Packages of one family are named by the first, and then by what differs.
        const [scope = '', rest = ''] = name.split('/');
        const isNamed = readme.includes(`\`${name}\``) || named(scope, rest);
        expect(isNamed, name).to.equal(true);
        expect(version, name).to.match(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      }
    });
  }

  it('gives a reason for each dependency of the client', () => {
    const client: unknown = JSON.parse(readFileSync(resolve(root, 'client/package.json'), 'utf8'));
    const names = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.keys(Object(Reflect.get(Object(client), kind))),
    );
    expect(names.length).to.be.greaterThan(6);
    for (const name of names.filter((each) => !each.startsWith('@types/'))) {
      const [scope = '', rest = ''] = name.split('/');
      expect(readme.includes(`\`${name}\``) || named(scope, rest), name).to.equal(true);
    }
  });

  it('links every page of docs/', () => {
    const pages = readdirSync(resolve(root, 'docs')).filter((name) => name.endsWith('.md'));
    expect(pages.length).to.be.greaterThan(9);
    for (const page of pages) expect(readme, page).to.include(`](docs/${page}`);
  });

  /** `@connectrpc/connect`, `-node` names `@connectrpc/connect-node`; `@mikro-orm/core`, `sql` names `@mikro-orm/sql`. */
  function named(scope: string, rest: string): boolean {
    const suffix = `-${rest.split('-').at(-1)}`;
    return (
      rest !== '' &&
      readme.includes(`\`${scope}/`) &&
      (readme.includes(`\`${rest}\``) || readme.includes(`\`${suffix}\``))
    );
  }
});

describe('the index of the documents', () => {
  it('links every page of docs/', () => {
    const index = readFileSync(resolve(root, 'docs/README.md'), 'utf8');
    const pages = readdirSync(resolve(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
    expect(pages.length).to.be.greaterThan(9);
    for (const page of pages) expect(index, page).to.include(`](${page})`);
  });
});

describe('docs/threat-model.md', () => {
  it('names tests that exist', () => {
    const named = readFileSync(resolve(root, 'docs/threat-model.md'), 'utf8').match(/(?<=`)test\/[\w./-]+(?=`)/g) ?? [];
    expect(named.length).to.be.greaterThan(20);
    for (const path of named) expect(existsSync(resolve(root, path)), path).to.equal(true);
  });
});

describe('a document about security', () => {
  for (const page of ['SECURITY.md', 'docs/threat-model.md', 'docs/limits.md']) {
    it(`has no line that is longer than a screen: ${page}`, () => {
      const lines = readFileSync(resolve(root, page), 'utf8').split('\n');
      expect(lines.filter((line) => line.length > 200)).to.deep.equal([]);
    });
  }
});
describe('a decision', () => {
  const folder = resolve(root, 'docs/decisions');

  for (const name of readdirSync(folder)) {
    it(`states what was decided, why, the consequences and the price, on one page: ${name}`, () => {
      const lines = readFileSync(resolve(folder, name), 'utf8').trimEnd().split('\n');
      expect(lines.length).to.be.at.most(40);
      expect(lines.filter((line) => line.length > 120)).to.deep.equal([]);
      expect(lines[0]).to.match(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
      const headings = lines.filter((line) => line.startsWith('## '));
      expect(headings).to.deep.equal(['## Decision', '## Why', '## Consequences', '## Price']);
    });
  }
});
