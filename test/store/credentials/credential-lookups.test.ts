import { expect } from 'chai';
import { array, assert as check, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { FindRequest } from '../../../src/vault/credentials/ports.ts';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { CredentialLookups } from '../../../src/store/credentials/credential-lookups.ts';
import {
  addCredential,
  addWorkspace,
  createdAt,
  newCredential,
  newId,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('lookups of credentials', () => {
  let test: TestStores;
  let lookups: CredentialLookups;
  let workspaceIds: string[];
  const credentials: Credential[] = [];

  before(async () => {
    test = await openTestStores(2);
    lookups = new CredentialLookups(test.database);
    const { workspace, owner } = await setUpInstance(test);
    workspaceIds = [workspace.id, (await addWorkspace(test, owner)).id];
    for (const workspaceId of workspaceIds) {
      for (const name of ['a', 'a', 'b']) credentials.push(await add(newCredential(workspaceId, { name })));
      credentials.push(await add(newCredential(workspaceId, { name: 'b', nameIsExclusive: true })));
      credentials.push(await add(newCredential(workspaceId, { name: 'c', deletedAt: createdAt })));
    }
  });

  after(async () => {
    await test.close();
  });

  const add = (credential: Credential) => addCredential(test, credential);

  /** What a lookup alone is to find. */
  function expected({ workspaceId, reference, deletedToo }: FindRequest): Credential | undefined {
    const own = credentials.filter(
      (credential) => credential.workspaceId === workspaceId && (deletedToo || credential.deletedAt === null),
    );
    if ('id' in reference) return own.find(({ id }) => id === reference.id);
    if ('shortId' in reference) return own.find(({ id }) => shortIdOf(id) === reference.shortId);
    const named = own.filter(({ name }) => name === reference.name);
    return named.find(({ nameIsExclusive }) => nameIsExclusive) ?? named[0];
  }

  const asked = record({
    workspace: integer({ min: 0, max: 1 }),
    credential: integer({ min: 0, max: 10 }),
    by: constantFrom('id', 'shortId', 'name'),
    deletedToo: boolean(),
    /** How many turns of the event loop later. */
    turn: integer({ min: 0, max: 3 }),
  });

  it('find the same together, however they arrive, as one by one', async () => {
    await check(
      asyncProperty(array(asked, { minLength: 1, maxLength: 40 }), async (wanted) => {
        const lookUp = async ({ workspace, credential, by, deletedToo, turn }: (typeof wanted)[number]) => {
          const workspaceId = workspaceIds[workspace] ?? '';
          const { id, name } = credentials[credential] ?? newCredential(workspaceId, { name: 'unknown' });
          const reference = { id: { id }, shortId: { shortId: shortIdOf(id) }, name: { name } }[by];
          const request = { workspaceId, reference, signal: patience, ...(by !== 'name' && { deletedToo }) };
          for (let count = 0; count < turn; count += 1) await new Promise((resolve) => setImmediate(resolve));
          expect(await lookups.find(request)).to.deep.equal(expected(request));
        };
        await Promise.all(wanted.map(lookUp));
      }),
      { numRuns: 40 },
    );
  });

  const request = (id = credentials[0]?.id ?? ''): FindRequest => ({
    workspaceId: workspaceIds[0] ?? '',
    reference: { id },
    signal: patience,
  });

  it('drop a caller who canceled while waiting, and no others', async () => {
    const abort = new AbortController();
    const first = lookups.find(request());
    const second = rejectionOf(lookups.find({ ...request(), signal: abort.signal }));
    const third = lookups.find(request());
    abort.abort();
    expect(await second).to.have.property('code', 'canceled');
    expect([await first, await third]).to.deep.equal([credentials[0], credentials[0]]);
  });

  it('fail only for the one who asks for what cannot be asked', async () => {
    const outcomes = await Promise.all([
      lookups.find(request()),
      lookups.find(request()),
      rejectionOf(lookups.find(request('no id'))),
      lookups.find(request(newId())),
      lookups.find(request()),
    ]);
    expect(outcomes[2]).to.be.instanceOf(Error);
    expect(outcomes.toSpliced(2, 1)).to.deep.equal([credentials[0], credentials[0], undefined, credentials[0]]);
  });

  it('all get that the database is away', async () => {
    const away = await openDatabase({ ...test.target, poolMax: 1, role: 'coffer_app', log: test.log });
    await away.close();
    const refused = new CredentialLookups(away);
    const errors = await Promise.all([1, 2, 3].map(() => rejectionOf(refused.find(request()))));
    for (const error of errors) expect(error).to.have.property('code', 'unavailable');
  });

  it('see what was committed before they asked', async () => {
    for (let count = 0; count < 20; count += 1) {
      const busy = lookups.find(request());
      const added = await add(newCredential(workspaceIds[0] ?? ''));
      expect(await lookups.find(request(added.id))).to.deep.equal(added);
      await busy;
    }
  });
});
