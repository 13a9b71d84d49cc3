import { expect } from 'chai';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import type {
  Decision,
  FoundCredential,
  JointDecisions,
  JointResult,
  JointTarget,
} from '../../../src/vault/credentials/decision-ports.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import {
  addCredential,
  addWorkspace,
  creationOf,
  newApiKey,
  newCredential,
  newEvent,
  newVersion,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { refusalOf, rejectionOf } from '../../support/refusals.ts';

const creating = (credential: Credential) => ({
  target: {
    workspaceId: credential.workspaceId,
    reference: { id: credential.id },
    ...(credential.nameIsExclusive && { exclusiveName: credential.name }),
  },
  decide: () => creationOf(credential),
});

const changing = ({ workspaceId, id }: Credential, changes: Partial<Credential>) => ({
  target: { workspaceId, reference: { id }, lock: true },
  decide: (found: FoundCredential | undefined): Decision<Credential> | VaultError => {
    if (!found) return new VaultError('not_found', 'it is gone');
    const credential = { ...found.credential, ...changes, revision: found.credential.revision + 1 };
    return { update: { credential }, event: newEvent({ workspaceId, resourceId: id }), answer: credential };
  },
});

const refusing = (credential: Credential) => ({
  target: { workspaceId: credential.workspaceId, reference: { id: credential.id } },
  decide: (): Decision<Credential> => ({
    event: newEvent({ workspaceId: credential.workspaceId, resourceId: credential.id, outcome: 'DENIED' }),
    refusal: new VaultError('credential_inactive', 'no'),
  }),
});

const failing = (workspaceId: string) => ({
  target: { workspaceId },
  decide: () => new VaultError('etag_stale', 'stale'),
});

const codesOf = (results: readonly JointResult<unknown>[]) =>
  results.map((result) => ('error' in result ? result.error.code : 'answered'));

describe('decisions on several credentials', () => {
  let test: TestStores;
  let workspaces: readonly [string, string];
  let revokedId: string;

  before(async () => {
    test = await openTestStores(8);
    const { workspace, owner } = await setUpInstance(test);
    workspaces = [workspace.id, (await addWorkspace(test, owner)).id];
    const apiKey = newApiKey(owner, { workspaceId: workspace.id });
    await test.stores.apiKeys.createApiKey(apiKey, newEvent());
    await test.stores.apiKeys.revokeApiKey({
      workspaceId: workspace.id,
      id: apiKey.id,
      revokedAt: new Date(),
      event: newEvent({ action: 'api_keys.revoke' }),
    });
    revokedId = apiKey.id;
  });

  beforeEach(async () => {
    await test.empty('credential, credential_version, audit_event, audit_ledger');
  });

  after(async () => {
    await test.close();
  });

  /** Decides one by one, where no decision depends on another. */
  async function decideEach<Answer>(
    items: readonly {
      readonly target: JointTarget;
      readonly decide: (found: FoundCredential | undefined) => Decision<Answer> | VaultError;
    }[],
    changes: Partial<JointDecisions<Answer>> = {},
    { credentials } = test.stores,
  ): Promise<readonly JointResult<Answer>[]> {
    return credentials.decideJointly({
      targets: items.map(({ target }) => target),
      isAtomic: false,
      decide: (found) => items.map(({ decide }, index) => decide(found[index])),
      signal: patience,
      ...changes,
    });
  }

  const rows = async (table: string) =>
    test.asSuperuser<{ xmin: string; outcome: string }>(`
    select *, xmin::text from ${table}`);

  async function transactionsOf(...names: readonly string[]): Promise<number> {
    const ids = new Set<string>();
    for (const name of names) for (const { xmin } of await rows(name)) ids.add(xmin);
    return ids.size;
  }

  const tables = ['credential', 'credential_version', 'audit_event'];

  it('are written with their events in one transaction, in the workspaces of their targets', async () => {
    const [here, there] = workspaces;
    const moved = await addCredential(test, newCredential(here));
    const copy = newCredential(there, { id: moved.id });
    await test.empty('audit_event, audit_ledger');
    const results = await decideEach([changing(moved, { deletedAt: new Date() }), creating(copy)]);
    expect(codesOf(results)).to.deep.equal(['answered', 'answered']);
    expect(await transactionsOf('credential', 'audit_event')).to.equal(1);
    expect(await rows('credential')).to.have.length(2);
    const found = await test.stores.credentials.find({
      workspaceId: there,
      reference: { id: copy.id },
      signal: patience,
    });
    expect(found).to.deep.equal(copy);
  });

  it('find credentials of several workspaces by id, short id and name, with their versions where wanted', async () => {
    const [here, there] = workspaces;
    const version = newVersion();
    const one = await addCredential(test, newCredential(here), version);
    const other = await addCredential(test, newCredential(there, { name: 'other' }));
    const targets: JointTarget[] = [
      { workspaceId: here, reference: { id: one.id }, sealed: true, lock: true },
      { workspaceId: there, reference: { shortId: shortIdOf(other.id) } },
      { workspaceId: there, reference: { name: 'other' } },
      { workspaceId: here, reference: { id: other.id } },
      { workspaceId: there },
    ];
    const found = await decideEach(
      targets.map((target) => ({ target, decide: (finding) => ({ event: newEvent(), answer: finding }) })),
    );
    const answers = found.map((result) => ('answer' in result ? result.answer : undefined));
    expect(answers.map((it) => it?.credential.id)).to.deep.equal([one.id, other.id, other.id, undefined, undefined]);
    expect(answers.map((it) => it?.current?.sealed)).to.deep.equal([version.sealed, ...Array(4).fill(undefined)]);
  });

  it('fail separately, and leave the event of a refusal', async () => {
    const [here, there] = workspaces;
    const taken = await addCredential(test, newCredential(here, { name: 'taken', nameIsExclusive: true }));
    await test.empty('audit_event, audit_ledger');
    const results = await decideEach([
      creating(newCredential(there)),
      failing(here),
      refusing(taken),
      creating(newCredential(here, { name: 'taken', nameIsExclusive: true })),
      creating(newCredential(here, { id: taken.id })),
      changing(newCredential(here), {}),
      creating(newCredential(here, { name: 'new', nameIsExclusive: true })),
      creating(newCredential(here, { name: 'new', nameIsExclusive: true })),
      changing(taken, { name: 'renamed' }),
    ]);
    const codes = ['answered', 'etag_stale', 'credential_inactive', 'name_taken', 'id_taken', 'not_found'];
    expect(codesOf(results)).to.deep.equal([...codes, 'answered', 'name_taken', 'answered']);
    const events = await rows('audit_event');
    expect(events.map(({ outcome }) => outcome)).to.have.members(['OK', 'DENIED', 'OK', 'OK']);
    expect(await transactionsOf('audit_event')).to.equal(1);
    expect(await rows('credential')).to.have.length(3);
  });

  it('have no effect if they are atomic and one fails, but for the events of refusals', async () => {
    const [here, there] = workspaces;
    const present = await addCredential(test, newCredential(here, { name: 'taken', nameIsExclusive: true }));
    const other = await addCredential(test, newCredential(here));
    const failures = {
      etag_stale: failing(here),
      credential_inactive: refusing(present),
      name_taken: creating(newCredential(here, { name: 'taken', nameIsExclusive: true })),
      id_taken: creating(newCredential(here, { id: present.id })),
    };
    for (const [code, item] of Object.entries(failures)) {
      await test.empty('audit_event, audit_ledger');
      const items = [creating(newCredential(there)), changing(other, { name: 'new' }), item, failing(there)];
      const error = await refusalOf(decideEach(items, { isAtomic: true }), VaultError);
      expect([error.code, error.details.item]).to.deep.equal([code, 2]);
      const outcomes = (await rows('audit_event')).map(({ outcome }) => outcome);
      expect(outcomes).to.deep.equal(code === 'credential_inactive' ? ['DENIED'] : []);
    }
    expect(await rows('credential')).to.have.length(2);
  });

  it('write nothing if deciding throws, and do not fail the calls that wait with them', async () => {
    const [here] = workspaces;
    const error = new VaultError('permission_denied', 'no');
    const thrown = decideEach([creating(newCredential(here))], {
      decide: () => {
        throw error;
      },
    });
    const neighbors = [1, 2, 3].map(async () => addCredential(test, newCredential(here)));
    expect(await rejectionOf(thrown)).to.equal(error);
    await Promise.all(neighbors);
    expect(await rows('credential')).to.have.length(3);
    expect(await rows('audit_event')).to.have.length(3);
  });

  it('know whether the key of their caller was revoked', async () => {
    const revocations: boolean[] = [];
    const decide: JointDecisions<null>['decide'] = (_, isRevoked) => {
      revocations.push(isRevoked);
      return [];
    };
    const valid = (await test.asSuperuser<{ id: string }>('select id from api_key where revoked_at is null'))[0]?.id;
    for (const checkedId of [revokedId, valid, undefined]) await decideEach([], { checkedId, decide });
    expect(revocations).to.deep.equal([true, false, false]);
  });

  it('are refused before they begin if their caller goes away', async () => {
    const aborted = decideEach([creating(newCredential(workspaces[0]))], { signal: AbortSignal.abort() });
    expect((await refusalOf(aborted, VaultError)).code).to.equal('canceled');
    expect(await rows('credential')).to.have.length(0);
  });

  it('change the same credentials on two processes one after the other, in whatever order they are listed', async () => {
    const [here, there] = workspaces;
    const both = [await addCredential(test, newCredential(here)), await addCredential(test, newCredential(there))];
    const processes = [test.stores, test.newStores()];
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    const changes = rounds.flatMap((round) =>
      processes.map(async (stores, index) => {
        const items = both.map((credential) => changing(credential, { name: `${round}/${index}` }));
        return decideEach(index === 0 ? items : items.toReversed(), { isAtomic: true }, stores);
      }),
    );
    await Promise.all(changes);
    const found = await Promise.all(
      both.map(async ({ workspaceId, id }) =>
        test.stores.credentials.find({ workspaceId, reference: { id }, signal: patience }),
      ),
    );
    expect(found.map((it) => it?.revision)).to.deep.equal([41, 41]);
    expect(found[0]?.name).to.equal(found[1]?.name);
  });

  it('that claim what another process takes meanwhile are refused, each or all of them', async () => {
    const [here, there] = workspaces;
    const exclusive = { name: 'once', nameIsExclusive: true };
    for (const isAtomic of [false, true]) {
      await test.empty('credential, credential_version, audit_event, audit_ledger');
      const claims = [test.stores, test.newStores()].map(async (stores) => {
        const items = [creating(newCredential(there)), creating(newCredential(here, exclusive))];
        return decideEach(items, { isAtomic }, stores).then(codesOf, (error: unknown) => error);
      });
      const outcomes = await Promise.all(claims);
      const refused = outcomes.find(
        (outcome) => outcome instanceof VaultError || String(outcome).includes('name_taken'),
      );
      const expected = isAtomic
        ? new VaultError('name_taken', 'a credential of this name exists')
        : ['answered', 'name_taken'];
      expect(String(refused)).to.equal(String(expected));
      expect(await rows('credential')).to.have.length(isAtomic ? 2 : 3);
      expect(await transactionsOf(...tables)).to.equal(isAtomic ? 1 : 2);
    }
  });
});
