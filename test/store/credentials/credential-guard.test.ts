import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { array, assert, asyncProperty, boolean, date, dictionary, jsonValue, option, record, string } from 'fast-check';
import { KeyedGrantMac } from '../../../src/encryption/macs.ts';
import { Key } from '../../../src/encryption/key.ts';
import { loadSodium } from '../../../src/encryption/sodium.ts';
import { CredentialGuard } from '../../../src/store/credentials/credential-guard.ts';
import { signCredentialsOnce, type Signing } from '../../../src/store/upgrade/sign-credentials.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  newEvent,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the MAC of a credential', () => {
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    workspaceId = (await setUpInstance(test)).workspace.id;
  });

  after(async () => {
    await test.close();
  });

  /** Whether a row is found as it was written. */
  async function isGenuine(credential: Credential, lock = false): Promise<boolean | undefined> {
    let found: boolean | undefined;
    const target = { workspaceId, reference: { id: credential.id }, lock, deletedToo: true, signal: patience };
    await test.stores.credentials.decide(target, (finding) => {
      found = finding?.isGenuine;
      return { event: newEvent(), answer: null };
    });
    return found;
  }

  const kinds = async () =>
    (await test.asSuperuser<{ kind: string }>(`select kind from audit_ledger where kind = 'sign'`)).map(
      ({ kind }) => kind,
    );

  /** What a process leaves that knows of no MACs: a stream without states, and rows without them. */
  async function writeAsBefore() {
    const credential = await addCredential(test, newCredential(workspaceId));
    await test.asSuperuser('update credential set mac = null');
    await test.asSuperuser('delete from audit_event');
    await test.newStores().audit.append(newEvent());
    return credential;
  }

  it('is that of what comes back, whatever a credential holds', async () => {
    const text = string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((any) => any.replaceAll('\0', ' '));
    const time = date({ min: new Date(-6e13), max: new Date('9999-12-31'), noInvalidDate: true });
    const stored = text.filter((any) => any.isWellFormed());
    const changes = record<Partial<Credential>>({
      name: text,
      description: option(text),
      tags: array(text, { maxLength: 4 }),
      labels: dictionary(stored, stored, { maxKeys: 5 }),
      metadata: option(dictionary(stored, jsonValue({ maxDepth: 3 })).map(parsed)),
      expiresAt: option(time),
      deletedAt: option(time),
      updatedAt: time,
      isActive: boolean(),
    });
    await assert(
      asyncProperty(changes, async (some) => {
        const credential = await addCredential(test, newCredential(workspaceId, some));
        expect(await isGenuine(credential)).to.equal(true);
        expect(await isGenuine(credential, true)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is that of earlier releases, over columns in their fixed order', async () => {
    const guard = new CredentialGuard(new KeyedGrantMac(await loadSodium(), new Key(Buffer.alloc(32, 7))));
    const [place, id, createdBy] = [1, 2, 3].map((digit) => `018cc251-f400-7000-8000-00000000000${digit}`);
    const least = newCredential(place ?? '', { id: id ?? '', createdBy: createdBy ?? '' });
    const most: Credential = {
      ...least,
      name: 'na\u00efve \u{1f511} \ud800',
      nameIsExclusive: true,
      description: 'de"s\\c',
      category: 'llm',
      scope: 'team',
      tags: ['b', 'a'],
      labels: { z: '1', B: '2', a: '' },
      metadata: { n: 1.5, list: [true, null, { x: 'y' }] },
      isActive: false,
      expiresAt: new Date('9999-12-31T23:59:59.999Z'),
      lastUsedAt: createdAt,
      useCount: 7,
      currentVersion: 3,
      revision: 12,
      origin: 'flowise',
      updatedAt: new Date('2024-02-29T12:00:00.001Z'),
      deletedAt: new Date('2024-03-01T00:00:00Z'),
    };
    expect([least, most].map((credential) => Buffer.from(guard.sign(credential)).toString('hex'))).to.deep.equal([
      'f3d1ca702570fea7055b2e35177aa0daa6b4ac5b917cff1609d487e1b4e17a06',
      '3f22e7b1e77688bf8766e3ae0396a838b7500d339284ee2d78ed40e840ce575f',
    ]);
  });

  it('is not that of another key', async () => {
    const credential = await addCredential(test, newCredential(workspaceId));
    await test.asSuperuser('update credential set mac = $1', [randomBytes(32)]);
    expect(await isGenuine(credential)).to.equal(false);
  });

  describe('for rows from before there were any', () => {
    let signing: Signing;

    beforeEach(() => {
      const { chain, database, grantMac } = test;
      signing = { database, chain, grantMac, clock: { now: () => createdAt } };
    });

    it('is computed once, and recorded in the ledger', async () => {
      const credential = await writeAsBefore();
      await signCredentialsOnce(signing);
      expect(await isGenuine(credential)).to.equal(true);
      expect(await kinds()).to.deep.equal(['sign']);
      await test.asSuperuser('update credential set mac = null');
      await signCredentialsOnce(signing);
      expect(await isGenuine(credential)).to.equal(false);
      expect(await kinds()).to.deep.equal(['sign']);
    });

    it('is computed for none where somebody has taken the line away, or changed it', async () => {
      await addCredential(test, newCredential(workspaceId));
      await signCredentialsOnce(signing);
      await test.newStores().audit.append(newEvent());
      const credential = await addCredential(test, newCredential(workspaceId));
      await test.asSuperuser('update credential set mac = null');
      await test.asSuperuser(`update audit_ledger set kind = 'begin' where kind = 'sign'`);
      await signCredentialsOnce(signing);
      expect(await isGenuine(credential)).to.equal(false);
      await test.asSuperuser('delete from audit_ledger where number = 1');
      await signCredentialsOnce(signing);
      expect(await isGenuine(credential)).to.equal(false);
    });

    for (const [what, statements] of Object.entries({
      'the whole trail': ['delete from audit_ledger', 'delete from audit_event'],
      'the ledger': ['delete from audit_ledger'],
      "the ledger's end": ['delete from audit_ledger where number > 1'],
      "the ledger's end, with all states": [
        'delete from audit_ledger where number > 1',
        'update audit_event set resource_state = null',
      ],
    })) {
      it(`is computed for none where somebody has cut off ${what}, now or later`, async () => {
        if (what.includes('end')) await writeAsBefore();
        await signCredentialsOnce(signing);
        await test.newStores().audit.append(newEvent({ resourceState: `1.1.${'0'.repeat(32)}` }));
        const credential = await addCredential(test, newCredential(workspaceId));
        await test.asSuperuser('update credential set mac = null');
        for (const statement of statements) await test.asSuperuser(statement);
        await signCredentialsOnce(signing);
        expect(await isGenuine(credential)).to.equal(false);
        await test.newStores().audit.append(newEvent());
        await signCredentialsOnce(signing);
        expect(await isGenuine(credential)).to.equal(false);
      });
    }

    it('is computed for more of them than one transaction takes', async () => {
      await writeAsBefore();
      await test.asSuperuser(`
        insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count,
          current_version, revision, origin, created_by, created_at, updated_at)
        select workspace_id, gen_random_uuid(), name, provider, auth_type, tags, labels, is_active, use_count,
          current_version, revision, origin, created_by, created_at, updated_at from credential, generate_series(1, 2500)`);
      await signCredentialsOnce(signing);
      expect(await test.asSuperuser('select from credential where mac is null')).to.have.length(0);
    });
  });

  it('takes another domain than that of grants', async () => {
    const mac = new KeyedGrantMac(await loadSodium(), new Key(randomBytes(32)));
    expect(mac.compute('credential', ['x'])).not.to.deep.equal(mac.compute('user', ['x']));
  });
});

/** As the database gives it back: a vault stores no value that JSON does not keep. */
function parsed(value: object): JsonObject {
  const copy: JsonObject = JSON.parse(JSON.stringify(value).replaceAll(/\\u0000|\\ud[89a-f]../gi, ''));
  return copy;
}
