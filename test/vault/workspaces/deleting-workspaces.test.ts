import { providerAfter } from '../../../src/dialects/shared/provider-catalogue.ts';
import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { readConfig } from '../../../src/start/read-config.ts';
import type { Instance } from '../../../src/start/instance.ts';
import { openInstance } from '../../../src/start/open-instance.ts';
import type { Call } from '../../../src/vault/caller.ts';
import { CredentialVault } from '../../../src/vault/credentials/credential-vault.ts';
import { CredentialUsage } from '../../../src/vault/usage/credential-usage.ts';
import { WorkspacePurge } from '../../../src/vault/workspaces/workspace-purge.ts';
import { WorkspaceDirectory } from '../../../src/vault/workspaces/workspaces.ts';
import { StandingClock } from '../../encryption/fixtures.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { callIn, refusalOf, someDraft, someSecret } from '../real-vault.ts';

/** A process, as far as workspaces are concerned. */
interface Process {
  readonly instance: Instance;
  readonly vault: CredentialVault;
  readonly directory: WorkspaceDirectory;
  readonly purge: WorkspacePurge;
}

describe('a workspace that is deleted', () => {
  const clock = new StandingClock();
  const stack = new AsyncDisposableStack();
  let here: Process;
  let there: Process;
  let ownerCall: Call;
  let workspaceId: string;
  /** As somebody has it who was let in before. */
  let memberCall: Call;
  let credentialId: string;

  before(async () => {
    const { connection, url } = await (await sharedPostgres()).createDatabase();
    const environment = {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const parts = {
      config: readConfig(environment, () => ''),
      connection,
      clock,
      log: pino({ level: 'silent' }),
      mayBegin: true,
    };
    here = processOf(await openInstance(parts, stack));
    there = processOf(await openInstance(parts, stack));
    const owner = await here.instance.stores.users.findFirstOwner();
    const call = callIn(owner?.defaultWorkspaceId ?? '');
    ownerCall = { ...call, caller: { ...call.caller, userId: owner?.id ?? '', isOwner: true, grants: [] } };
  });

  beforeEach(async () => {
    workspaceId = (await here.directory.createWorkspace(ownerCall, 'doomed')).id;
    const { caller, ...call } = callIn(workspaceId);
    // Of a user, since there is no such key, and whether it still is there is looked up at every reveal.
    memberCall = { ...call, caller: { ...caller, kind: 'user' } };
    credentialId = (await here.vault.createCredential(memberCall, someDraft(), someSecret())).id;
  });

  after(() => stack.disposeAsync());

  function processOf(instance: Instance): Process {
    const { ids, ciphers, stores } = instance;
    const usage = new CredentialUsage(stores.credentials, clock);
    return {
      instance,
      vault: new CredentialVault({
        store: stores.credentials,
        ciphers,
        usage,
        clock,
        ids,
        secretBytesMax: 1_000,
        providerAfter,
      }),
      directory: new WorkspaceDirectory({ store: stores.workspaces, ciphers, clock, ids }),
      purge: new WorkspacePurge({ store: stores.purge, ciphers, clock }),
    };
  }

  const remove = () => here.directory.deleteWorkspace(ownerCall, workspaceId, 'doomed');
  const reveal = async ({ vault }: Process) => vault.revealSecret(memberCall, credentialId);

  const isUnpurged = async () => {
    await here.purge.run();
    return (await here.instance.stores.purge.findUnpurged()).some(({ id }) => id === workspaceId);
  };

  it('reveals nothing any more, even to who was let in before and finds its credentials', async () => {
    expect((await reveal(here)).version).to.equal(1);
    await remove();
    expect((await here.vault.describeCredential(memberCall, credentialId)).id).to.equal(credentialId);
    expect((await refusalOf(reveal(here))).code).to.equal('secret_unreadable');
    const created = here.vault.createCredential(memberCall, someDraft(), someSecret());
    expect((await refusalOf(created)).code).to.equal('secret_unreadable');
  });

  it('is closed to ciphers that are in use', async () => {
    const cipher = await here.instance.ciphers.cipherFor(workspaceId);
    const identity = { workspaceId, credentialId, version: 1 };
    const { sealed } = cipher.seal(identity, someSecret());
    expect(cipher.open(identity, sealed).expose()).to.deep.equal({ key: 'k1' });
    await remove();
    expect(() => cipher.open(identity, sealed))
      .to.throw()
      .with.property('code', 'secret_unreadable');
    expect(() => cipher.seal(identity, someSecret())).to.throw();
  });

  it('is forgotten by other processes at their next purge, which deletes its credentials, too', async () => {
    expect((await reveal(there)).version).to.equal(1);
    const cipher = await there.instance.ciphers.cipherFor(workspaceId);
    await remove();
    await there.purge.run();
    expect(() => cipher.seal({ workspaceId, credentialId, version: 1 }, someSecret())).to.throw();
    expect((await refusalOf(reveal(there))).code).to.be.oneOf(['not_found', 'secret_unreadable']);
    expect((await refusalOf(here.vault.describeCredential(memberCall, credentialId))).code).to.equal('not_found');
  });

  it('is looked at for an hour, for the sake of calls that began before', async () => {
    await remove();
    expect(await isUnpurged()).to.equal(true);
    clock.timeMs += 3_599_999;
    expect(await isUnpurged()).to.equal(true);
    clock.timeMs += 1;
    expect(await isUnpurged()).to.equal(false);
  });

  it('is left for the next start by a purge that has ended', async () => {
    const { ciphers, stores } = here.instance;
    const purge = new WorkspacePurge({ store: stores.purge, ciphers, clock });
    await remove();
    await purge.end();
    await purge.run();
    expect((await here.vault.describeCredential(memberCall, credentialId)).id).to.equal(credentialId);
  });

  it('is deleted by owners only, who name it', async () => {
    const { caller } = callIn(workspaceId, { role: 'ADMIN' });
    const byAdmin = here.directory.deleteWorkspace({ ...memberCall, caller }, workspaceId, 'doomed');
    expect((await refusalOf(byAdmin)).code).to.equal('permission_denied');
    for (const name of ['', 'Doomed', 'doomed ']) {
      const refusal = await refusalOf(here.directory.deleteWorkspace(ownerCall, workspaceId, name));
      expect([refusal.code, refusal.details.field]).to.deep.equal(['invalid_argument', 'name']);
    }
    expect((await reveal(here)).version).to.equal(1);
  });
});
