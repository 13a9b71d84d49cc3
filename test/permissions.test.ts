import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { permits, roles } from '../src/vault/permissions.ts';
import { allGuardedRpcs, nameOfRpc } from './support/bound-rpcs.ts';
import { leastRole, permissionTable } from './support/permission-table.ts';
import { allRoutes, allServices } from './support/routes.ts';

const page = resolve(import.meta.dirname, '../docs/permissions.md');
const begin = '<!-- The table begins. It is written by `npm run permissions`. -->\n\n';
const end = '\n<!-- The table ends. -->';

/** What stands between the two marks, and around them. */
function split(text: string): { readonly before: string; readonly table: string; readonly after: string } {
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  expect(from, 'the page has lost its marks')
    .to.be.greaterThan(begin.length - 1)
    .and.lessThan(to);
  return { before: text.slice(0, from), table: text.slice(from, to), after: text.slice(to) };
}

describe('the permission that an rpc needs', () => {
  const served = allGuardedRpcs();

  it('is in one row of the table, for every rpc of every proto', async () => {
    const [services, routes] = [await allServices(), await allRoutes()];
    const declared = services.flatMap(({ methods }) => methods.map(nameOfRpc));
    const table = await permissionTable(served, routes);
    expect(declared.length).to.be.greaterThan(30);
    for (const name of declared) {
      const rows = table.split('\n').filter((line) => line.includes(`\`${name}\``));
      expect(rows, `${name} needs one row in\n${table}`).to.have.length(1);
    }
  });

  it('is that of docs/permissions.md; if not, run "npm run permissions"', async () => {
    const fresh = await permissionTable(served, await allRoutes());
    const { before, table, after } = split(await readFile(page, 'utf8'));
    if (process.env['WRITE_PERMISSIONS'] === '1') await writeFile(page, before + fresh + after);
    else expect(table).to.equal(fresh);
  });

  it('is had by some role, or by owners', () => {
    for (const { rpc } of served) {
      if (rpc.access.kind === 'workspace')
        expect(leastRole(rpc.access.permission), nameOfRpc(rpc.method)).to.be.a('string');
    }
  });

  it('is had by every role above the least that has it', () => {
    const permissions = served.flatMap(({ rpc }) => ('permission' in rpc.access ? [rpc.access.permission] : []));
    for (const permission of new Set(permissions)) {
      const having = roles.map((role) => permits({ role, mayReveal: true }, permission));
      expect(having, permission).to.deep.equal(having.toSorted((one, other) => Number(one) - Number(other)));
    }
  });

  it('to reveal is not had without reveal, whatever the role', () => {
    for (const role of roles) expect(permits({ role, mayReveal: false }, 'secrets.reveal'), role).to.equal(false);
  });
});
