import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import type { Decision } from '../../../src/vault/credentials/decision-ports.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import type { RequestClaim } from '../../../src/vault/requests/ports.ts';
import { rejectionOf } from '../../support/refusals.ts';
import {
  creationOf,
  newCredential,
  newEvent,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

const serialize = (answer: string): Uint8Array => Buffer.from(answer);

describe('request ids in a group of decisions', () => {
  let test: TestStores;
  let workspaceId: string;
  before(async () => {
    test = await openTestStores();
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
  });
  after(() => test.close());

  const newClaim = (): RequestClaim => ({
    workspaceId,
    key: randomBytes(32),
    digest: randomBytes(32),
    claimedAt: new Date(),
  });

  /** Creates a credential under an id, or refuses to, and answers its name. */
  const decide = (claim: RequestClaim, name: string, outcome: 'create' | 'refuse' | 'throw' = 'create') => {
    const refusal = new VaultError('etag_stale', name);
    const decision: Decision<string> =
      outcome === 'create'
        ? { ...creationOf(newCredential(workspaceId, { name })), answer: name }
        : { event: newEvent({ workspaceId }), refusal };
    return test.stores.credentials.decide(
      { workspaceId, signal: patience },
      () => {
        if (outcome === 'throw') throw refusal;
        return decision;
      },
      { claim, serialize },
    );
  };
  const kept = async (claim: RequestClaim) => {
    const found = await test.stores.requests.find(claim, patience);
    return found && Buffer.from(found.answer).toString();
  };

  it('are decided one after the other: after a refusal the next one, and none after an answer', async () => {
    const claim = newClaim();
    const alone = decide(newClaim(), 'alone');
    const group = [
      rejectionOf(decide(claim, 'refused', 'refuse')),
      rejectionOf(decide(claim, 'thrown', 'throw')),
      decide(claim, 'answered'),
      rejectionOf(decide(claim, 'late')),
      decide(newClaim(), 'unrelated'),
    ];
    await alone;
    const [refused, thrown, answered, late, unrelated] = await Promise.all(group);
    expect([refused, thrown, late].map((error) => Object(error).code)).to.deep.equal([
      'etag_stale',
      'etag_stale',
      'request_in_progress',
    ]);
    expect([answered, unrelated]).to.deep.equal(['answered', 'unrelated']);
    expect(await kept(claim)).to.equal('answered');
    const names = await test.asSuperuser<{ name: string }>('select name from credential order by name');
    expect(names.map(({ name }) => name)).to.deep.equal(['alone', 'answered', 'unrelated']);
  });

  it('leave no record of a refusal', async () => {
    const claim = newClaim();
    await rejectionOf(decide(claim, 'refused', 'refuse'));
    await rejectionOf(decide(claim, 'thrown', 'throw'));
    expect(await kept(claim)).to.equal(undefined);
    const open = await test.asSuperuser('select 1 from idempotency where answer is null');
    expect(open).to.deep.equal([]);
    expect(await decide(claim, 'at last')).to.equal('at last');
  });

  it('are compared by the whole request', async () => {
    const claim = newClaim();
    await decide(claim, 'compared');
    const other = { ...claim, digest: randomBytes(32) };
    expect((await test.stores.requests.find(claim, patience))?.isSame).to.equal(true);
    expect((await test.stores.requests.find(other, patience))?.isSame).to.equal(false);
  });

  it('have another hash each time, also for equal requests', async () => {
    const claim = newClaim();
    await decide(claim, 'one');
    await decide({ ...claim, key: randomBytes(32) }, 'two');
    const rows = await test.asSuperuser<{ hash: Buffer }>('select request_hash as hash from idempotency');
    expect(new Set(rows.map(({ hash }) => hash.toString('hex'))).size).to.equal(rows.length);
  });
});
