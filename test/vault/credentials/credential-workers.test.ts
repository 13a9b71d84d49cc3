import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { pino } from 'pino';
import { providerAfter } from '../../../src/dialects/shared/provider-catalogue.ts';
import type { Instance } from '../../../src/start/instance.ts';
import { openInstance } from '../../../src/start/open-instance.ts';
import { readConfig } from '../../../src/start/read-config.ts';
import type { Call } from '../../../src/vault/caller.ts';
import { credentialTasks } from '../../../src/vault/credentials/credential-workers.ts';
import { CredentialVault } from '../../../src/vault/credentials/credential-vault.ts';
import { DeletionVault } from '../../../src/vault/credentials/deletion-vault.ts';
import { defaultLifecycle } from '../../../src/vault/credentials/lifecycle.ts';
import { CredentialUsage } from '../../../src/vault/usage/credential-usage.ts';
import type { WorkerTask } from '../../../src/vault/worker-task.ts';
import { WorkspaceDirectory } from '../../../src/vault/workspaces/workspaces.ts';
import { StandingClock } from '../../encryption/fixtures.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { callIn, refusalOf, someDraft, someSecret } from '../real-vault.ts';

const dayMs = 86_400_000;

/** A process, as far as its workers are concerned. */
interface Process {
  readonly instance: Instance;
  readonly vault: CredentialVault;
  readonly deletions: DeletionVault;
  readonly usage: CredentialUsage;
  readonly tasks: readonly WorkerTask[];
}

describe('the background workers of credentials', () => {
  const clock = new StandingClock();
  const startMs = clock.timeMs;
  const stack = new AsyncDisposableStack();
  let superuser: Client;
  let here: Process;
  let there: Process;
  let call: Call;
  let otherCall: Call;

  before(async () => {
    const { connection, url } = await (await sharedPostgres()).createMigratedDatabase();
    const environment = {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const config = readConfig(environment, () => '');
    const parts = { config, connection, clock, log: pino({ level: 'silent' }), mayBegin: true };
    here = processOf(await openInstance(parts, stack));
    there = processOf(await openInstance(parts, stack));
    superuser = new Client(connection);
    await superuser.connect();
    stack.defer(() => superuser.end());
    const owner = await here.instance.stores.users.findFirstOwner();
    const { ids, ciphers, stores } = here.instance;
    const directory = new WorkspaceDirectory({ store: stores.workspaces, ciphers, clock, ids });
    const ownerCall = callIn(owner?.defaultWorkspaceId ?? '', { role: 'ADMIN' });
    const caller = { ...ownerCall.caller, kind: 'user' as const, userId: owner?.id ?? '', isOwner: true };
    call = { ...ownerCall, caller };
    const other = await directory.createWorkspace(call, 'other');
    otherCall = { ...callIn(other.id, { role: 'ADMIN' }) };
  });

  beforeEach(() => {
    clock.timeMs = startMs;
  });

  after(() => stack.disposeAsync());

  function processOf(instance: Instance): Process {
    const { ids, ciphers, stores } = instance;
    const usage = new CredentialUsage(stores.credentials, clock);
    const parts = { store: stores.credentials, ciphers, usage, clock, ids, secretBytesMax: 1_000, providerAfter };
    const lifecycle = defaultLifecycle;
    const { dueCredentials: purges, dueCredentials: notices, dueCredentials: prunes } = stores;
    return {
      instance,
      usage,
      vault: new CredentialVault({ ...parts, lifecycle }),
      deletions: new DeletionVault({ ...parts, lifecycle, purges }),
      tasks: credentialTasks({ purges, notices, prunes, lifecycle, clock, ids }),
    };
  }

  /** One run of every task in both processes at the same time. */
  async function runAll(): Promise<void> {
    const signal = new AbortController().signal;
    const run = async (task: WorkerTask) => {
      while ((await task.runBatch(signal)).hasMore);
    };
    await Promise.all([...here.tasks, ...there.tasks].map(run));
  }

  /** The tables whose rows belong to credentials. */
  async function tablesOfCredentials(): Promise<readonly string[]> {
    const { rows } = await superuser.query<{ name: string }>(
      `select table_name as name from information_schema.columns
       where table_schema = 'public' and column_name = 'credential_id'`,
    );
    expect(rows.map(({ name }) => name)).to.include('credential_version');
    return rows.map(({ name }) => name);
  }

  async function eventsOf(id: string): Promise<string[]> {
    const { rows } = await superuser.query<{ event: string }>(
      `select concat_ws(' ', action, days, actor_kind) as event from audit_event
       where resource_id = $1 and action ~ '[.](purge|expir)' order by time`,
      [id],
    );
    return rows.map(({ event }) => event);
  }

  const create = async (expiresInDays: number | null = null, by = call) => {
    const expiresAt = expiresInDays === null ? null : new Date(clock.timeMs + expiresInDays * dayMs);
    return (await here.vault.createCredential(by, someDraft({ expiresAt }), someSecret())).id;
  };
  const createDeleted = async (by = call) => {
    const id = await create(null, by);
    await here.vault.deleteCredential(by, id);
    return id;
  };
  const show = (id: string, by = call) => here.vault.describeCredential(by, id, { showDeleted: true });
  const passDays = (days: number) => (clock.timeMs = startMs + days * dayMs);

  describe('that purge', () => {
    it('purge a deleted credential of any workspace once its days have passed, and not a moment before', async () => {
      const ids = [await createDeleted(), await createDeleted(otherCall)];
      clock.timeMs += 30 * dayMs - 1;
      await runAll();
      expect((await show(ids[0] ?? '')).deletedAt).to.deep.equal(new Date(startMs));
      clock.timeMs += 1;
      await runAll();
      for (const id of ids) expect(await eventsOf(id)).to.deep.equal(['credentials.purge system']);
      expect((await refusalOf(show(ids[0] ?? ''))).code).to.equal('not_found');
      expect((await refusalOf(show(ids[1] ?? '', otherCall))).code).to.equal('not_found');
    });

    it('wait for the clock of the database as well', async () => {
      clock.timeMs = Date.now();
      const id = await createDeleted();
      clock.timeMs += 31 * dayMs;
      await runAll();
      expect(await eventsOf(id)).to.deep.equal([]);
      await here.deletions.purgeCredential(call, id);
    });

    it('leave one that was restored, and count anew once it is deleted again', async () => {
      const id = await createDeleted();
      passDays(29);
      await there.deletions.undeleteCredential(call, id);
      passDays(31);
      await runAll();
      expect((await show(id)).deletedAt).to.equal(null);
      await here.vault.deleteCredential(call, id);
      passDays(60);
      await runAll();
      expect((await show(id)).purgeAt).to.deep.equal(new Date(startMs + 61 * dayMs));
      passDays(61);
      await runAll();
      expect(await eventsOf(id)).to.deep.equal(['credentials.purge system']);
    });

    it('skip rows that another transaction has locked or that were modified, and purge those after them', async () => {
      const [locked, modified, sound] = [await createDeleted(), await createDeleted(), await createDeleted()];
      await superuser.query(`update credential set name = 'forged' where id = $1`, [modified]);
      passDays(31);
      await superuser.query('begin');
      await superuser.query('select from credential where id = $1 for update', [locked]);
      await runAll();
      await superuser.query('rollback');
      expect([...(await eventsOf(locked)), ...(await eventsOf(modified))]).to.deep.equal([]);
      expect(await eventsOf(sound)).to.deep.equal(['credentials.purge system']);
      await runAll();
      expect(await eventsOf(locked)).to.deep.equal(['credentials.purge system']);
      expect(await eventsOf(modified)).to.deep.equal([]);
    });

    it('delete every version, and free the id for the next revision and version', async () => {
      const id: string = crypto.randomUUID();
      const creation = { id, draft: someDraft({ tags: ['t'], labels: { l: '1' } }), secret: someSecret() };
      await here.vault.createOrReplaceCredential(call, creation);
      await here.vault.createOrReplaceCredential(call, { ...creation, secret: someSecret({ key: 'k2' }) });
      await here.vault.revealSecret(call, id);
      await here.usage.flush();
      await here.vault.deleteCredential(call, id);
      const versions = 'select version, sealed from credential_version where credential_id = $1 order by version';
      const { rows: former } = await superuser.query(versions, [id]);
      passDays(31);
      await runAll();
      expect((await superuser.query(versions, [id])).rows).to.deep.equal([]);
      for (const table of await tablesOfCredentials()) {
        const { rows } = await superuser.query(`select from ${table} where credential_id = $1`, [id]);
        expect(rows, table).to.deep.equal([]);
      }

      // Uses that were recorded before may be written later.
      here.usage.record(call, id, clock.now());
      await here.usage.flush();
      const { credential } = await there.vault.createOrReplaceCredential(call, creation);
      expect([credential.revision, credential.currentVersion, credential.useCount]).to.deep.equal([5, 3, 0]);
      expect((await here.vault.revealSecret(call, id)).secret.expose()).to.deep.equal({ key: 'k1' });
      const verified = await here.instance.trailVerifier.verify(new Map());
      expect(verified.faults.filter(({ message }) => message.includes(id))).to.deep.equal([]);

      await superuser.query('update credential_version set sealed = $2 where credential_id = $1', [
        id,
        former[1].sealed,
      ]);
      expect((await refusalOf(here.vault.revealSecret(call, id))).code).to.equal('secret_unreadable');
    });
  });

  describe('that give notices of expiry', () => {
    it('give each once, so many days before and at the expiry, and change no etag', async () => {
      const id = await create(40);
      const etag = (await show(id)).revision;
      const given: string[] = [];
      for (const day of [9, 10, 11, 32, 33, 34, 38, 39, 39.9, 40, 41]) {
        passDays(day);
        await runAll();
        await runAll();
        given.push(`${day}: ${(await eventsOf(id)).length}`);
      }
      expect(given.join()).to.equal('9: 0,10: 1,11: 1,32: 1,33: 2,34: 2,38: 2,39: 3,39.9: 3,40: 4,41: 4');
      expect(await eventsOf(id)).to.deep.equal([
        'credentials.expiring 30 system',
        'credentials.expiring 7 system',
        'credentials.expiring 1 system',
        'credentials.expire system',
      ]);
      expect((await show(id)).revision).to.equal(etag);
    });

    it('give only the nearest after an outage', async () => {
      const [soon, late] = [await create(40), await create(40.5)];
      passDays(40);
      await runAll();
      expect(await eventsOf(soon)).to.deep.equal(['credentials.expire system']);
      expect(await eventsOf(late)).to.deep.equal(['credentials.expiring 1 system']);
    });

    it('give none for what was past when the expiry was set', async () => {
      const [past, near] = [await create(-1), await create(5)];
      await runAll();
      expect([...(await eventsOf(past)), ...(await eventsOf(near))]).to.deep.equal([]);
      passDays(6);
      await runAll();
      expect(await eventsOf(near)).to.deep.equal(['credentials.expire system']);
    });

    it('begin anew with another expiry, and not with other changes', async () => {
      const id = await create(40);
      passDays(12);
      await runAll();
      await here.vault.updateCredential(call, id, { name: 'another' });
      await runAll();
      expect(await eventsOf(id)).to.have.length(1);
      await here.vault.updateCredential(call, id, { expiresAt: new Date(startMs + 60 * dayMs) });
      passDays(30);
      await runAll();
      expect(await eventsOf(id)).to.deep.equal(['credentials.expiring 30 system', 'credentials.expiring 30 system']);
      await here.vault.updateCredential(call, id, { expiresAt: null });
      passDays(100);
      await runAll();
      expect(await eventsOf(id)).to.have.length(2);
    });

    it('give none to deleted credentials, nor what they missed once they are restored', async () => {
      const id = await create(40);
      await here.vault.deleteCredential(call, id);
      passDays(15);
      await runAll();
      await here.deletions.undeleteCredential(call, id);
      await runAll();
      expect(await eventsOf(id)).to.deep.equal([]);
      passDays(33);
      await runAll();
      expect(await eventsOf(id)).to.deep.equal(['credentials.expiring 7 system']);
    });

    it('leave a trail that verifies', async () => {
      const id = await create(40);
      passDays(39);
      await runAll();
      await here.vault.updateCredential(call, id, { name: 'another' });
      const { faults } = await here.instance.trailVerifier.verify(new Map());
      expect(faults.filter(({ message }) => message.includes(id))).to.deep.equal([]);
    });
  });
});
