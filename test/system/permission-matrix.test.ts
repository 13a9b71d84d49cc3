import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JsonObject } from '../../src/vault/json.ts';
import { allGuardedRpcs, allBoundStreams, type GuardedServed } from '../support/bound-rpcs.ts';
import { startCoffer, type KeyOptions, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';
import { MatrixRequests } from '../support/matrix-requests.ts';

/** What a cell of the table promises. */
type Cell = '✓' | '–' | 'in scope';

interface Row {
  readonly rpc: string;
  readonly permission: string;
  readonly cells: ReadonlyMap<string, Cell>;
}

/** A credential that a call is about, and what else the call may need of it. */
interface Subject {
  readonly id: string;
  readonly name: string;
  readonly provider: string;
}

const page = readFileSync(resolve(import.meta.dirname, '../../docs/permissions.md'), 'utf8');
const rows = readRows(page);
const rpcs = allGuardedRpcs().filter(({ dialect }) => dialect.name === 'coffer');

/** The keys of the columns. */
const keys: Readonly<Record<string, KeyOptions>> = {
  VIEWER: { role: 'VIEWER' },
  RUNTIME: { role: 'RUNTIME' },
  'EDITOR without reveal': { role: 'EDITOR', withoutReveal: true },
  EDITOR: { role: 'EDITOR' },
  'ADMIN without reveal': { role: 'ADMIN', withoutReveal: true },
  ADMIN: { role: 'ADMIN' },
  'key with a scope': { role: 'EDITOR', providers: ['within'] },
};
const columns = [...Object.keys(keys), 'owner without a role'];

/** What a call needs beside the workspace and the credential. */
const messages: Readonly<Record<string, (subject: Subject) => JsonObject>> = {
  CreateCredential: ({ name, provider }) => ({ credential: { name, provider }, secret: { k: 'v' } }),
  ResolveSecret: ({ name }) => ({ name }),
  BatchCreateCredentials: ({ name, provider }) => ({
    requests: [{ credential: { name, provider }, secret: { k: 'v' } }],
    atomic: true,
  }),
  BatchGetCredentials: ({ id }) => ({ credential_ids: [id] }),
  BatchRevealSecrets: ({ id }) => ({ requests: [{ credential_id: id }] }),
  AddSecretVersion: () => ({ secret: { k: 'w' } }),
  RestoreSecretVersion: () => ({ version: 1 }),
  DestroySecretVersion: () => ({ version: 1 }),
  ReportLeak: () => ({ value: 'a value that nothing has', validate_only: true }),
  UpdateCredential: () => ({ credential: { description: 'changed' } }),
};

/** What a credential needs before a call can succeed. */
const preparations: Readonly<Record<string, (admin: Ask, subject: Subject) => Promise<unknown>>> = {
  UndeleteCredential: removeSubject,
  PurgeCredential: removeSubject,
  DestroySecretVersion: addVersionToSubject,
};

/** How a credential outside of the key's scope is refused, where not by NOT_FOUND. */
const refusalsOutside: Readonly<Record<string, string>> = {
  CreateCredential: 'permission_denied',
  ResolveSecret: 'permission_denied',
  BatchCreateCredentials: 'permission_denied',
};

/** Calls that refuse a caller without a role as one whose role is too low. */
const deniesAbsentWorkspaces: ReadonlySet<string> = new Set(['ResolveSecret', 'BatchRevealSecrets']);

/** Calls that answer without what is outside of the key's scope, instead of refusing. */
const silentOutside: ReadonlySet<string> = new Set(['ListCredentials', 'WatchCredentials']);

/** Calls that refuse what is outside of the key's scope item by item. */
const itemwiseOutside: ReadonlySet<string> = new Set(['BatchGetCredentials', 'BatchRevealSecrets']);

/** Calls that no key can make; `transfers.test.ts` makes them as members of two workspaces. */
const acrossWorkspaces: ReadonlySet<string> = new Set(['CopyCredential', 'MoveCredential']);

/** The row of a stream that needs a further permission for what it is asked for. */
const watchedReveals = 'WatchCredentials with reveals';

/** Makes a call by the name of its rpc, and answers the code. */
type Ask = (rpc: string, message: JsonObject) => Promise<{ readonly code: string; readonly body: JsonObject }>;

async function removeSubject(admin: Ask, { id }: Subject): Promise<void> {
  await admin('DeleteCredential', { credential_id: id });
}

async function addVersionToSubject(admin: Ask, { id }: Subject): Promise<void> {
  await admin('AddSecretVersion', { credential_id: id, secret: { k: 'w' } });
}

describe('the permissions of calls about credentials', () => {
  let coffer: TestCoffer;
  let requests: MatrixRequests;
  let workspaceId: string;
  const tokens = new Map<string, string>();
  let made = 0;

  before(async () => {
    coffer = await startCoffer();
    requests = new MatrixRequests(coffer.origin);
    workspaceId = await coffer.createWorkspace('own');
    for (const [title, options] of Object.entries(keys)) {
      tokens.set(title, await coffer.issueKey({ ...options, workspaceId }));
    }
    tokens.set('owner without a role', coffer.adminToken);
    await leaveWorkspace();
  });
  after(() => coffer.stop());

  it('have a row for every rpc that reads or changes credentials of one workspace', () => {
    const about = rpcs.filter(
      ({ rpc: { access, method } }) =>
        'permission' in access && isAboutCredentials(access.permission) && !acrossWorkspaces.has(method.name),
    );
    expect(rows.flatMap(({ rpc }) => (rpc === watchedReveals ? [] : [rpc])).toSorted()).to.deep.equal(
      about.map(({ rpc }) => rpc.method.name).toSorted(),
    );
  });

  it('to watch reveals are those of the table, in addition to the permission to watch', async () => {
    const row = rows.find(({ rpc }) => rpc === watchedReveals) ?? expect.fail('the table has no row');
    expect(row.permission).to.equal('audit.read');
    expect([...row.cells.keys()]).to.deep.equal(columns);
    for (const [column, cell] of row.cells) {
      const url = `${coffer.origin}/v1/workspaces/${workspaceId}/credentials:watch?include_reveals=true`;
      const headers = { authorization: `Bearer ${tokens.get(column) ?? ''}` };
      const response = await fetch(url, { headers });
      await response.body?.cancel();
      const refusal = column === 'owner without a role' ? 404 : 403;
      expect(response.status, column).to.equal(cell === '✓' ? 200 : refusal);
    }
  });

  for (const row of rows.filter(({ rpc }) => rpc !== watchedReveals)) {
    it(`are those of the table for ${row.rpc}`, async () => {
      const one = servedAs(row.rpc);
      expect('permission' in one.rpc.access && one.rpc.access.permission).to.equal(row.permission);
      expect([...row.cells.keys()]).to.deep.equal(columns);
      for (const [column, cell] of row.cells) {
        const subject = await prepare(row.rpc, 'within');
        const { code, body } = await askAs(column)(row.rpc, messageFor(row.rpc, subject));
        const expected = cell === '–' ? refusalOf(row.rpc, column) : 'ok';
        expect(code, `${column}: ${JSON.stringify(body)}`).to.equal(expected);
        if (cell === 'in scope') await expectOutside(row.rpc, column);
      }
    });
  }

  async function expectOutside(rpc: string, column: string): Promise<void> {
    const subject = await prepare(rpc, 'beyond');
    const { code, body } = await askAs(column)(rpc, messageFor(rpc, subject));
    if (silentOutside.has(rpc)) expect(JSON.stringify(body)).not.to.include(subject.id);
    else if (itemwiseOutside.has(rpc)) expect(JSON.stringify(body)).to.include('"code":"not_found"');
    else expect(code, JSON.stringify(body)).to.equal(refusalsOutside[rpc] ?? 'not_found');
  }

  /** Makes a credential for one call, since an admitted call may change it. */
  async function prepare(rpc: string, provider: string): Promise<Subject> {
    const name = `credential ${(made += 1)}`;
    const message = { credential: { name, provider }, secret: { k: 'v' }, workspace_id: workspaceId };
    const { code, body } = await askAs('ADMIN')('CreateCredential', message);
    expect(code).to.equal('ok');
    const subject = { id: textOf(body, 'credential', 'id'), name, provider };
    const asAdmin: Ask = (one, more) => askAs('ADMIN')(one, { workspace_id: workspaceId, ...more });
    await preparations[rpc]?.(asAdmin, subject);
    return subject;
  }

  function messageFor(rpc: string, subject: Subject): JsonObject {
    const fields = new Set(servedAs(rpc).rpc.method.input.fields.map(({ name }) => name));
    return {
      ...(fields.has('workspace_id') && { workspace_id: workspaceId }),
      ...(fields.has('credential_id') && { credential_id: subject.id }),
      ...messages[rpc]?.(subject),
    };
  }

  function askAs(column: string): Ask {
    const token = tokens.get(column);
    return async (name, message) => {
      const one = servedAs(name);
      const { text, status } = isStream(name) ? await open(name, token) : await send(one, token, message);
      const body = parseObject(text);
      return { code: status === 200 ? 'ok' : textOf(body, 'code'), body };
    };
  }

  function send({ rpc: { method } }: GuardedServed, token: string | undefined, message: JsonObject) {
    const headers = { authorization: `Bearer ${token ?? ''}` };
    return requests.send('POST', `/${method.parent.typeName}/${method.name}`, headers, message);
  }

  function open(name: string, token: string | undefined) {
    const stream = allBoundStreams().find(({ rpc }) => rpc.method.name === name) ?? expect.fail(name);
    const caller = { title: '', token, grant: undefined, isOwner: false };
    return requests.openStream(stream, 'gRPC', caller, { title: '', workspaceId, things: {} });
  }

  /** The creator of a workspace is its ADMIN, and the last one stays. */
  async function leaveWorkspace(): Promise<void> {
    const user = { user: { name: 'keeper' }, password: 'a first password' };
    const keeper = textOf(await coffer.native('POST', '/v1/users', user), 'user', 'id');
    const members = `/v1/workspaces/${workspaceId}/members`;
    await coffer.native('POST', members, { member: { user_id: keeper, role: 'ADMIN' } });
    const owner = textOf(await coffer.native('GET', '/v1/whoami'), 'user_id');
    await coffer.native('DELETE', `${members}/${owner}`);
  }
});

function isAboutCredentials(permission: string): boolean {
  return /^(credentials|secrets|leaks)\./.test(permission);
}

/** Without a role, the workspace does not exist. */
function refusalOf(rpc: string, column: string): string {
  const isAbsent = column === 'owner without a role' && !deniesAbsentWorkspaces.has(rpc);
  return isAbsent ? 'not_found' : 'permission_denied';
}

function servedAs(name: string): GuardedServed {
  return rpcs.find(({ rpc }) => rpc.method.name === name) ?? expect.fail(`${name} is not served`);
}

function isStream(name: string): boolean {
  return servedAs(name).rpc.method.methodKind === 'server_streaming';
}

/** The rows of the table, with the cells by their columns. */
function readRows(text: string): readonly Row[] {
  const [, section = ''] = text.split('## Roles, and calls about credentials');
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  const [head = [], , ...body] = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return body.map(([rpc = '', permission = '', ...cells]) => ({
    rpc: rpc.replaceAll('`', ''),
    permission: permission.replaceAll('`', ''),
    cells: new Map(cells.map((cell, index) => [head[index + 2] ?? '', cellOf(cell)])),
  }));
}

function cellOf(text: string): Cell {
  if (text === '✓' || text === '–' || text === 'in scope') return text;
  throw new Error(`the table has a cell ${text}`);
}
