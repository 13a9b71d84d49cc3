import { expect } from 'chai';
import { Client } from 'pg';
import { formatShortId } from '../../src/vault/ids.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { roles, type Role } from '../../src/vault/permissions.ts';
import { allBoundRpcs, allBoundStreams, allGuardedRpcs, nameOfRpc, type GuardedServed } from '../support/bound-rpcs.ts';
import { startCoffer, type KeyOptions, type TestCoffer } from '../support/coffer.ts';
import {
  asShownByRest,
  decisionOfRest,
  decisionOfRpc,
  expectedDecision,
  withoutNames,
  type Decision,
  type MatrixAnswer,
  type MatrixCaller,
} from '../support/decisions.ts';
import {
  absentThings,
  absentWorkspaceId,
  mayNameCredential,
  MatrixRequests,
  protocolsOfStreams,
  thingsNamedBy,
  wayOfNaming,
  type Target,
} from '../support/matrix-requests.ts';
import { parseObject, textOf } from '../support/json.ts';
import { allRoutes, sealsVault } from '../support/routes.ts';

type Title = 'own' | 'foreign' | 'absent' | 'own, of a foreign thing' | 'own, of a thing beyond';

/** As long as the absent one, so that no length tells the two apart. */
const foreignName = 'a name that no one sees';
/** A login is refused for a while after five wrong passwords: a test of its own minute has them all. */
const minuteMs = 61_000;

/** What keys may be limited to; the first credential of each kind is within, and that of `beyond` is not. */
const keyScopes: Readonly<Record<string, (credentialId: string) => Partial<KeyOptions>>> = {
  'for a provider': () => ({ providers: ['within'] }),
  'for a tag': () => ({ tags: ['within'] }),
  'for one credential': (credentialId) => ({ credentialIds: [credentialId] }),
  'for a subject': () => ({ subjects: ['within'] }),
};
/** As long as that of nothing. */
const beyondName = 'a name that lies beyond';

/** An owner who seals the vault ends it for all others: see `sealing.test.ts`. */
const routes = (await allRoutes()).filter(({ method }) => !sealsVault(method));
const served = allBoundRpcs().filter(({ rpc }) => !sealsVault(rpc.method));
const streams = allBoundStreams();

describe('the matrix of all calls, all roles, and own, foreign and absent workspaces', () => {
  let coffer: TestCoffer;
  let requests: MatrixRequests;
  let nowMs = Date.UTC(2024, 0, 1);
  let callers: readonly MatrixCaller[];
  let targets: readonly (Target & { readonly title: Title })[];
  let own: string;
  let editor: MatrixCaller;
  let admin: MatrixCaller;
  let madeWithin = 0;
  let reachedWithin = 0;
  const seen = new Map<Decision, number>();

  before(async () => {
    coffer = await startCoffer({ now: () => new Date(nowMs) });
    requests = new MatrixRequests(coffer.origin);
    own = await coffer.createWorkspace('own');
    const foreign = await coffer.createWorkspace('foreign');
    callers = await makeCallers(own);
    editor = callers.find(({ title }) => title === 'EDITOR') ?? expect.fail();
    admin = callers.find(({ title }) => title === 'ADMIN') ?? expect.fail();
    targets = await makeTargets(foreign);
    await endMembershipsOfOwner();
  });

  beforeEach(() => {
    nowMs += minuteMs;
  });

  after(() => coffer.stop());

  for (const one of served) {
    it(`decides as in the table, and alike for what is foreign and absent, by the rpc ${nameOfRpc(one.rpc.method)}`, async () => {
      await expectDecisions(one, (caller, target) => requests.sendRpc(one, caller, target));
    });
  }

  for (const one of streams) {
    for (const protocol of protocolsOfStreams) {
      it(`decides as in the table, and alike for what is foreign and absent, by the stream ${nameOfRpc(one.rpc.method)} over ${protocol}`, async () => {
        await expectDecisions(one, (caller, target) => requests.openStream(one, protocol, caller, target));
      });
    }
  }

  it('knows streams, and every rpc that the table knows', () => {
    expect(streams).not.to.deep.equal([]);
    const all = allGuardedRpcs().filter(({ rpc }) => !sealsVault(rpc.method));
    expect(served.length + streams.length).to.equal(all.length);
  });

  for (const route of routes) {
    const name = nameOfRpc(route.method);
    it(`decides as in the table, and alike for what is foreign and absent, by ${route.httpMethod} ${route.template} (${name})`, async () => {
      const one = [...served, ...streams].find(({ rpc }) => nameOfRpc(rpc.method) === name);
      if (!one) throw new Error('the rpc is not served');
      const check = async (caller: MatrixCaller, prefix: string): Promise<void> => {
        const answers = await askAll(one, caller, (target) =>
          requests.sendRest({ one, route, prefix }, caller, target),
        );
        for (const { target, answer } of answers) {
          const expected = expectedByRest(one, caller, target);
          expectDecision(
            decisionOfRest(one.rpc.access, answer),
            expected,
            `${caller.title}, ${target.title}: ${answer.text}`,
          );
        }
        expectAlike(one, caller, answers);
      };
      await Promise.all(callersOf(one).map((caller) => check(caller, `/${one.dialect.name}`)));
      // Where dialects share a path, another one may answer it, which decides alike.
      await Promise.all(callersOf(one).map((caller) => check(caller, '')));
    });
  }

  for (const one of served.filter(mayNameCredential)) {
    it(`lets keys that are limited to some credentials reach those as any key by the rpc ${nameOfRpc(one.rpc.method)}`, async () => {
      await expectWithinReach((caller, target) => requests.sendRpc(one, caller, target));
    });
  }

  for (const route of routes) {
    const one = served.find(({ rpc }) => nameOfRpc(rpc.method) === nameOfRpc(route.method));
    if (!one || !mayNameCredential(one)) continue;
    it(`lets keys that are limited to some credentials reach those as any key by ${route.httpMethod} ${route.template} (${nameOfRpc(route.method)})`, async () => {
      await expectWithinReach((caller, target) =>
        requests.sendRest({ one, route, prefix: `/${one.dialect.name}` }, caller, target),
      );
    });
  }

  it('has seen every kind of decision, and no failure', () => {
    expect([...seen.keys()].toSorted()).to.deep.equal([
      'lacks the permission',
      'lacks the workspace',
      'let in',
      'nobody',
      'refused',
    ]);
  });

  it('has let each kind of key reach what is within its limits in many ways', () => {
    expect(reachedWithin).to.be.above(20 * Object.keys(keyScopes).length);
  });

  it('has not touched the credentials of the foreign workspace, or those beyond all limits', async () => {
    const names = `name in ('${foreignName}', '${beyondName}')`;
    const { rows } = await query(
      `select name, deleted_at, revision, use_count::int from credential where ${names} order by name`,
    );
    const untouched = { deleted_at: null, revision: 1, use_count: 0 };
    expect(rows).to.deep.equal([
      { name: beyondName, ...untouched },
      { name: foreignName, ...untouched },
    ]);
  });

  async function makeCallers(workspaceId: string): Promise<MatrixCaller[]> {
    const keys: readonly { role: Role; withoutReveal: boolean }[] = [
      ...roles.map((role) => ({ role, withoutReveal: false })),
      { role: 'EDITOR', withoutReveal: true },
    ];
    const made = keys.map(async ({ role, withoutReveal }) => ({
      title: withoutReveal ? `${role} without reveal` : role,
      token: await coffer.issueKey({ role, workspaceId, withoutReveal }),
      grant: { role, mayReveal: !withoutReveal },
      isOwner: false,
    }));
    return [
      { title: 'nobody', token: undefined, grant: undefined, isOwner: false },
      ...(await Promise.all(made)),
      ...(await makeScoped(workspaceId, absentThings['credential_id'] ?? '')),
      { title: 'OWNER without a membership', token: coffer.adminToken, grant: undefined, isOwner: true },
    ];
  }

  /** EDITORs with a key of each kind that is for some credentials alone. */
  async function makeScoped(workspaceId: string, credentialId: string): Promise<MatrixCaller[]> {
    const made = Object.entries(keyScopes).map(async ([title, keyScope]) => ({
      title: `EDITOR ${title}`,
      token: await coffer.issueKey({ role: 'EDITOR', workspaceId, ...keyScope(credentialId) }),
      grant: { role: 'EDITOR', mayReveal: true, keyScope: keyScope(credentialId) } as const,
      isOwner: false,
    }));
    return Promise.all(made);
  }

  /** Makes a credential that all keyScopes are for; it is the only one of its name. */
  async function makeWithin(): Promise<Target> {
    const name = `within ${(madeWithin += 1)}`;
    const credential = { name, provider: 'within', tags: ['within'], subject: 'within' };
    const id = textOf(await asAdmin('credentials', { credential, secret: { key: 'x' } }), 'credential', 'id');
    return { title: 'own', workspaceId: own, things: { ...absentThings, credential_id: id, name } };
  }

  /** Asks as every caller for every target, by whatever shows decisions as Connect does. */
  async function expectDecisions(
    one: GuardedServed,
    ask: (caller: MatrixCaller, target: Target) => Promise<MatrixAnswer>,
  ): Promise<void> {
    const check = async (caller: MatrixCaller): Promise<void> => {
      const answers = await askAll(one, caller, (target) => ask(caller, target));
      for (const { target, answer } of answers) {
        const expected = expectedDecision(one.rpc.access, caller, isInReach(one, target));
        expectDecision(decisionOfRpc(answer), expected, `${caller.title}, ${target.title}: ${answer.text}`);
      }
      expectAlike(one, caller, answers);
    };
    await Promise.all(callersOf(one).map(check));
  }

  /** Each on a separate credential, since an admitted call may delete it. */
  async function expectWithinReach(
    ask: (caller: MatrixCaller, target: Target) => Promise<MatrixAnswer>,
  ): Promise<void> {
    const plain = await ask(editor, await makeWithin());
    expect(plain.status).to.be.below(500);
    for (const [title, keyScope] of Object.entries(keyScopes)) {
      const target = await makeWithin();
      const {
        providers = [],
        tags = [],
        credentialIds = [],
        subjects = [],
      } = keyScope(target.things['credential_id'] ?? '');
      const key = { name: 'k', role: 'EDITOR', providers, tags, credential_ids: credentialIds, subjects };
      const token = textOf(await asAdmin('apiKeys', key), 'token');
      const answer = await ask({ ...editor, token }, target);
      expect(answer.status, `${title}: ${answer.text}`).to.equal(plain.status);
      if (answer.status < 300) reachedWithin += 1;
    }
  }

  /** Makes something in the callers' own workspace, of which the owner is no member any more. */
  async function asAdmin(collection: string, body: object): Promise<JsonObject> {
    const path = `/v1/workspaces/${own}/${collection}`;
    const headers = { authorization: `Bearer ${admin.token ?? ''}` };
    const { status, text } = await requests.send('POST', path, headers, parseObject(JSON.stringify(body)));
    expect(status, text).to.equal(200);
    return parseObject(text);
  }

  async function makeTargets(foreign: string): Promise<typeof targets> {
    const at = `/v1/workspaces/${foreign}`;
    const credential = { credential: { name: foreignName, provider: 'p' }, secret: { key: 'x' } };
    const foreignThings = {
      credential_id: textOf(await coffer.native('POST', `${at}/credentials`, credential), 'credential', 'id'),
      api_key_id: textOf(await coffer.native('POST', `${at}/apiKeys`, { name: 'k', role: 'VIEWER' }), 'api_key', 'id'),
      user_id: textOf(await coffer.native('GET', '/v1/whoami'), 'user_id'),
      name: foreignName,
    };
    const beyond = await asAdmin('credentials', {
      credential: { name: beyondName, provider: 'p', tags: ['beyond'] },
      secret: { key: 'x' },
    });
    const thingsBeyond = { ...absentThings, credential_id: textOf(beyond, 'credential', 'id'), name: beyondName };
    return [
      { title: 'own', workspaceId: own, things: absentThings },
      { title: 'foreign', workspaceId: foreign, things: absentThings },
      { title: 'absent', workspaceId: absentWorkspaceId, things: absentThings },
      { title: 'own, of a foreign thing', workspaceId: own, things: foreignThings },
      { title: 'own, of a thing beyond', workspaceId: own, things: thingsBeyond },
    ];
  }

  /** The last ADMIN cannot leave by the API, and the creator of a workspace is one. */
  async function endMembershipsOfOwner(): Promise<void> {
    await query('delete from membership');
    // The server hears of it a moment later.
    let caller = await coffer.native('GET', '/v1/whoami');
    while (JSON.stringify(caller['grants']) !== '[]') caller = await coffer.native('GET', '/v1/whoami');
    expect(caller).to.deep.include({ is_owner: true, grants: [] });
  }

  async function query(statement: string): Promise<{ rows: readonly unknown[] }> {
    const client = new Client(coffer.database.connection);
    await client.connect();
    try {
      return await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** Whoever is calling makes no difference where anybody may, and a guess of a password takes its time. */
  function callersOf({ rpc }: GuardedServed): readonly MatrixCaller[] {
    return rpc.access.kind === 'public' ? callers.slice(0, 1) : callers;
  }

  async function askAll(one: GuardedServed, { grant }: MatrixCaller, ask: (target: Target) => Promise<MatrixAnswer>) {
    const isNamed = (target: Target) =>
      target.title === 'own' ||
      (target.title === 'own, of a thing beyond' ? isLimited(grant) && mayNameCredential(one) : mayName(one, target));
    const asked = targets.filter(isNamed).map(async (target) => ({ target, answer: await ask(target) }));
    return Promise.all(asked);
  }

  function expectDecision(decision: Decision, expected: Decision | undefined, message: string): void {
    seen.set(decision, (seen.get(decision) ?? 0) + 1);
    if (expected !== undefined) expect(decision, message).to.equal(expected);
    else expect(decision, message).not.to.be.oneOf(['nobody', 'failed']);
  }

  function expectAlike(
    { rpc }: GuardedServed,
    caller: MatrixCaller,
    answers: readonly { readonly target: Target; readonly answer: MatrixAnswer }[],
  ): void {
    // An owner is shown every workspace, and every user.
    if (caller.isOwner && rpc.access.kind !== 'workspace') return;
    const names = targets.flatMap(({ workspaceId, things }) =>
      [workspaceId, formatShortId('workspace', workspaceId)].concat(Object.values(things)),
    );
    const answerFor = (title: Title) => {
      const found = answers.find(({ target }) => target.title === title);
      return found && withoutNames(found.answer, names);
    };
    if (answerFor('foreign')) expect(answerFor('foreign'), caller.title).to.deep.equal(answerFor('absent'));
    for (const title of ['own, of a foreign thing', 'own, of a thing beyond'] as const) {
      const answer = answerFor(title);
      if (answer) expect(answer, `${caller.title}, ${title}`).to.deep.equal(answerFor('own'));
    }
  }
});

/** Whether a request names something that may be another workspace's. Of users that is so within a workspace alone. */
function namesThing(one: GuardedServed): boolean {
  const names = thingsNamedBy(one).filter((name) => name !== 'user_id' || one.rpc.access.kind === 'workspace');
  return names.length > 0;
}

function isLimited(grant: MatrixCaller['grant']): boolean {
  return grant?.keyScope !== undefined;
}

/** Whether a request can name a target: a workspace that is not the caller’s default one, or a thing. */
function mayName(one: GuardedServed, { title }: Target): boolean {
  if (one.rpc.access.kind === 'public') return false;
  return title === 'own, of a foreign thing' ? namesThing(one) : wayOfNaming(one) !== undefined;
}

/** Whether it acts in the callers' own workspace, whatever it names. */
function isInReach(one: GuardedServed, { title }: Target): boolean {
  return title.startsWith('own') || wayOfNaming(one) === undefined;
}

function expectedByRest(one: GuardedServed, caller: MatrixCaller, target: Target): Decision | undefined {
  return asShownByRest(expectedDecision(one.rpc.access, caller, isInReach(one, target)));
}
