import { expect } from 'chai';
import { createRequire } from 'node:module';
import type { Client } from 'pg';
import { formatShortId } from '../../src/vault/ids.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { allBoundRpcs, nameOfRpc, type ServedRpc } from '../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import type { MatrixAnswer, MatrixCaller } from '../support/decisions.ts';
import { textOf } from '../support/json.ts';
import {
  absentThings,
  absentWorkspaceId,
  mayNameCredential,
  MatrixRequests,
  thingsNamedBy,
  wayOfNaming,
  type Target,
} from '../support/matrix-requests.ts';
import { allRoutes } from '../support/routes.ts';

type Ask = (caller: MatrixCaller, target: Target) => Promise<MatrixAnswer>;

interface Body {
  readonly rpc: JsonObject;
  readonly rest: JsonObject;
}

/** What changes a credential where that is not empty; validation comes before it is looked for. */
const changes: Readonly<Record<string, Body>> = {
  coffer: { rpc: { credential: { name: 'x' } }, rest: { name: 'x' } },
  flowise: { rpc: { name: 'x' }, rest: { name: 'x' } },
  mielto: { rpc: { label: 'x' }, rest: { label: 'x' } },
  scale: { rpc: { name: 'x' }, rest: { name: 'x' } },
  miniflow: { rpc: { name: 'x' }, rest: { name: 'x' } },
};

const secret = { secret: { api_key: 'sk-2' } };

/** What calls need beside the names of things, by the rpc and the dialect. */
const bodies: Readonly<Record<string, Readonly<Record<string, Body>>>> = {
  UpdateCredential: changes,
  AddSecretVersion: { coffer: { rpc: secret, rest: secret } },
};

/** Whether a call copies or moves to a second workspace: only a user can be a member of both, and no user has a key's scope. */
function isTransfer({ rpc: { method } }: ServedRpc): boolean {
  return method.input.fields.some(({ name }) => name === 'destination_workspace_id');
}

/** What goes on beside the calls: once in a while, on new connections, or for who is calling, before anything of the request is known. */
const beside = new Set([
  'select 1',
  'ping',
  'send notice',
  'last event',
  'loss lines',
  'add key uses',
  'add uses',
  'due by due_notices',
  'due by due_purges',
  'sweep request ids',
  'api key access',
  'session access',
]);
/** Whether the database can be written is asked each second. */
const ofProbe = /pg_is_in_recovery\(\)|'probe'/;
/** The purge asks for deleted workspaces once in a while. */
const ofPurge = /from "workspace".*"purged_at" is null /;
/** What begins and ends the transactions of those as well. */
const frame = new Set(['begin', 'set workspaces', 'commit']);
const newConnection = /^set statement_timeout.*; set role coffer_app;/;

/** What all connections of the pool have in common: the ORM may bring a `pg` of its own. */
const clientOfPool: object = createRequire(import.meta.resolve('@mikro-orm/postgresql'))('pg').Client.prototype;

const routes = await allRoutes();
/** The routes in a workspace whose paths name a thing, and their rpcs. */
const byThings = allBoundRpcs().flatMap((one) => {
  const isNamed = (template: string) => thingsNamedBy(one).some((name) => template.includes(`{${name}`));
  const own = routes.filter(({ method }) => nameOfRpc(method) === nameOfRpc(one.rpc.method));
  const named = own.filter(({ template }) => isNamed(template));
  return one.rpc.access.kind === 'workspace' && named.length > 0 ? [{ one, named }] : [];
});

describe('the statements that a call sends to the database', () => {
  let coffer: TestCoffer;
  let requests: MatrixRequests;
  let admin: MatrixCaller;
  let limited: MatrixCaller;
  let member: MatrixCaller;
  let destination: string;
  let targets: Readonly<Record<'unknown' | 'foreign' | 'beyond' | 'inForeign' | 'inAbsent', Target>>;
  let sent: string[];
  const query = Reflect.get(clientOfPool, 'query');

  before(async () => {
    record();
    coffer = await startCoffer();
    requests = new MatrixRequests(coffer.origin);
    const own = await coffer.createWorkspace('own');
    admin = callerBy(await coffer.issueKey({ role: 'ADMIN', workspaceId: own }));
    limited = callerBy(await coffer.issueKey({ role: 'EDITOR', workspaceId: own, tags: ['within'] }));
    destination = await coffer.createWorkspace('destination');
    // The key of a workspace is read once, when something is first sealed in it.
    await makeThings(destination);
    member = callerBy(await logInMemberOf([own, destination]));
    const foreign = await coffer.createWorkspace('foreign');
    const foreignThings = await makeThings(foreign);
    targets = {
      unknown: { title: 'unknown', workspaceId: own, things: absentThings },
      foreign: { title: 'foreign', workspaceId: own, things: foreignThings },
      beyond: { title: 'beyond', workspaceId: own, things: await makeThings(own) },
      inForeign: { title: 'in a foreign workspace', workspaceId: foreign, things: foreignThings },
      inAbsent: { title: 'in an absent workspace', workspaceId: absentWorkspaceId, things: absentThings },
    };
  });

  after(async () => {
    Reflect.set(clientOfPool, 'query', query);
    await coffer.stop();
  });

  for (const { one, named } of byThings) {
    it(`are the same for what is unknown and what is foreign, by the rpc ${nameOfRpc(one.rpc.method)}`, () =>
      compare(one, (caller, target) => requests.sendRpc(one, caller, target, bodyOf(one).rpc)));

    for (const route of named) {
      it(`are the same for what is unknown and what is foreign, by ${route.httpMethod} ${route.template} of ${one.dialect.name}`, () =>
        compare(one, (caller, target) =>
          requests.sendRest({ one, route, prefix: `/${one.dialect.name}` }, caller, target, bodyOf(one).rest),
        ));
    }
  }

  function bodyOf(one: ServedRpc): Body {
    const more = { destination_workspace_id: destination };
    if (isTransfer(one)) return { rpc: more, rest: more };
    return bodies[one.rpc.method.name]?.[one.dialect.name] ?? { rpc: {}, rest: {} };
  }

  async function compare(one: ServedRpc, ask: Ask): Promise<void> {
    const caller = isTransfer(one) ? member : admin;
    for (const formatted of [(target: Target) => target, inShort]) {
      const unknown = await statementsOf(() => ask(caller, formatted(targets.unknown)));
      expect(unknown.statements, 'it was looked for').not.to.deep.equal([]);
      expect(await statementsOf(() => ask(caller, formatted(targets.foreign)))).to.deep.equal(unknown);
      if (!mayNameCredential(one) || isTransfer(one)) continue;
      const byLimited = await statementsOf(() => ask(limited, formatted(targets.unknown)));
      expect(byLimited.statements, 'it was looked for').not.to.deep.equal([]);
      expect(await statementsOf(() => ask(limited, formatted(targets.beyond)))).to.deep.equal(byLimited);
    }
    if (wayOfNaming(one) === undefined) return;
    const inAbsent = await statementsOf(() => ask(caller, targets.inAbsent));
    expect(inAbsent.status).to.be.oneOf([403, 404]);
    expect(await statementsOf(() => ask(caller, targets.inForeign))).to.deep.equal(inAbsent);
  }

  async function statementsOf(ask: () => Promise<MatrixAnswer>) {
    sent = [];
    const { status } = await ask();
    return { status, statements: sent };
  }

  /** Makes a user who is an admin of workspaces, and answers the token of a session. */
  async function logInMemberOf(workspaces: readonly string[]): Promise<string> {
    const [name, password] = ['a member', 'correct horse battery'];
    const userId = textOf(await coffer.native('POST', '/v1/users', { user: { name }, password }), 'user', 'id');
    for (const workspace of workspaces) {
      await coffer.native('POST', `/v1/workspaces/${workspace}/members`, {
        member: { user_id: userId, role: 'ADMIN' },
      });
    }
    return textOf(await coffer.native('POST', '/v1/login', { user: name, password }), 'token');
  }

  async function makeThings(workspace: string): Promise<Target['things']> {
    const at = `/v1/workspaces/${workspace}`;
    const name = `a name in ${workspace}`;
    const credential = { credential: { name, provider: 'p' }, secret: { key: 'x' } };
    const user = { user: { name }, password: 'correct horse battery' };
    return {
      name,
      credential_id: textOf(await coffer.native('POST', `${at}/credentials`, credential), 'credential', 'id'),
      api_key_id: textOf(await coffer.native('POST', `${at}/apiKeys`, { name, role: 'VIEWER' }), 'api_key', 'id'),
      user_id: textOf(await coffer.native('POST', '/v1/users', user), 'user', 'id'),
    };
  }

  /** Lets every statement through, and notes it but for the ids that it names. */
  function record(): void {
    sent = [];
    const note = (asked: unknown) => {
      const formatted = statementsIn(asked);
      if (
        formatted.every(
          (text) =>
            beside.has(text) || frame.has(text) || newConnection.test(text) || ofProbe.test(text) || ofPurge.test(text),
        )
      )
        return;
      // What travels together is told apart from what waits for the one before.
      sent.push(formatted.join('; '));
    };
    const noting = function (this: Client, ...values: readonly unknown[]): unknown {
      note(values[0]);
      return Reflect.apply(query, this, values);
    };
    Reflect.set(clientOfPool, 'query', noting);
  }
});

/** The same things by their other ids, of those that have one. */
function inShort(target: Target): Target {
  const { credential_id = '', user_id = '' } = target.things;
  const ids = { credential_id: formatShortId('credential', credential_id), user_id: formatShortId('user', user_id) };
  return { ...target, things: { ...target.things, ...ids } };
}

function callerBy(token: string): MatrixCaller {
  return { title: 'a key', token, grant: undefined, isOwner: false };
}

/** The statements of a query, by their names, or by their texts without ids. */
function statementsIn(query: unknown): readonly string[] {
  if (typeof query === 'string') return [withoutIds(query)];
  if (typeof query !== 'object' || query === null) return [];
  const statements: unknown = Reflect.get(query, 'statements');
  if (Array.isArray(statements)) return statements.flatMap(statementsIn);
  const [name, text] = [Reflect.get(query, 'name'), Reflect.get(query, 'text')];
  // Statements on entities are numbered in the order in which they are first compiled.
  const isNamed = typeof name === 'string' && name !== '' && !name.startsWith('entities ');
  return [isNamed ? name : withoutIds(String(text))];
}

function withoutIds(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
}
