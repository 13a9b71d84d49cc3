import assert from 'node:assert/strict';
import { providerAfter } from '../../src/dialects/shared/provider-catalogue.ts';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { Client, type QueryResultRow } from 'pg';
import { readConfig } from '../../src/start/read-config.ts';
import type { Instance } from '../../src/start/instance.ts';
import { openInstance } from '../../src/start/open-instance.ts';
import type { TrailVerification } from '../../src/vault/audit/verification.ts';
import type { Call, Grant } from '../../src/vault/caller.ts';
import { draftDefaults } from '../../src/vault/credentials/credential-rules.ts';
import type { Credential, CredentialDraft } from '../../src/vault/credentials/credential.ts';
import { CredentialSearch } from '../../src/vault/credentials/credential-search.ts';
import { CredentialVault } from '../../src/vault/credentials/credential-vault.ts';
import { SecretResolver } from '../../src/vault/credentials/resolve-vault.ts';
import { VaultError } from '../../src/vault/errors.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { Secret } from '../../src/vault/secret.ts';
import { CredentialUsage } from '../../src/vault/usage/credential-usage.ts';
import { WorkspaceDirectory } from '../../src/vault/workspaces/workspaces.ts';
import { StandingClock } from '../encryption/fixtures.ts';
import { sharedPostgres } from '../support/postgres.ts';
import { refusalOf as refusalOfClass } from '../support/refusals.ts';

/** The vault over a database and keys of its own. */
export interface RealVault {
  readonly vault: CredentialVault;
  readonly resolver: SecretResolver;
  /** What the vault records its uses by. */
  readonly usage: CredentialUsage;
  /** As another process records its uses. */
  readonly newUsage: () => CredentialUsage;
  readonly search: CredentialSearch;
  readonly clock: StandingClock;
  /** The calls of a member of the first workspace. */
  readonly call: Call;
  /** The calls of a member of another workspace, who has nothing in the first. */
  readonly otherCall: Call;
  /** Runs a statement as the superuser, whom row-level security does not bind. */
  readonly asSuperuser: <Row extends QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
  /** Holds the trail against its chain, and rows against the trail. */
  readonly verify: () => Promise<TrailVerification>;
  /** Action and outcome of the events about a credential, the oldest first. */
  readonly eventsOf: (credential: Pick<Credential, 'id'>) => Promise<string[]>;
  /** Empties the tables of credentials and the trail. */
  readonly empty: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens one, as the server does. */
export async function openRealVault(): Promise<RealVault> {
  const stack = new AsyncDisposableStack();
  const { connection, url } = await (await sharedPostgres()).createMigratedDatabase();
  const environment = {
    COFFER_DATABASE_URL: url,
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
  };
  const clock = new StandingClock();
  const config = readConfig(environment, () => '');
  const parts = { config, connection, clock, log: pino({ level: 'silent' }), mayBegin: true };
  const instance = await openInstance(parts, stack);
  const superuser = new Client(connection);
  await superuser.connect();
  stack.defer(() => superuser.end());
  const asSuperuser = async <Row extends QueryResultRow>(text: string, values: unknown[] = []) =>
    (await superuser.query<Row>(text, values)).rows;
  await asSuperuser(addKey, [keyId]);
  const workspaceId = (await instance.stores.users.findFirstOwner())?.defaultWorkspaceId ?? '';
  return {
    ...vaultsOf(instance, clock),
    search: new CredentialSearch({ store: instance.stores.credentials, pageTokens: instance.pageTokens, clock }),
    clock,
    call: callIn(workspaceId),
    otherCall: callIn(await addWorkspace(instance, clock)),
    asSuperuser,
    verify: () => instance.trailVerifier.verify(new Map()),
    eventsOf: async ({ id }) => {
      const text = `select action || ' ' || outcome as event from audit_event where resource_id = $1 order by id`;
      return (await asSuperuser<{ event: string }>(text, [id])).map(({ event }) => event);
    },
    empty: async () => {
      await superuser.query('truncate credential, credential_version, audit_event');
    },
    close: () => stack.disposeAsync(),
  };
}

/** Who reveals must still be there; nobody checks the row's MAC then. */
const keyId = '018cc251-f400-7000-8000-0000000000f1';
const addKey = `
  insert into api_key (id, workspace_id, user_id, name, hash, prefix, may_reveal, created_at, mac)
  select $1, default_workspace_id, id, 'a key', '', '', true, created_at, '' from "user"`;

/** A call of a member of one workspace alone. */
export function callIn(workspaceId: string, grant: Partial<Grant> = {}, dialect = 'coffer'): Call {
  return {
    caller: {
      kind: 'api_key',
      id: keyId,
      name: 'a key',
      userId: '018cc251-f400-7000-8000-0000000000f2',
      authentication: 'api_key',
      sessionId: null,
      expiresAt: null,
      isOwner: false,
      defaultWorkspaceId: workspaceId,
      grants: [{ workspaceId, role: 'EDITOR', mayReveal: true, ...grant }],
      dialect: null,
    },
    workspaceId,
    protocol: 'none',
    dialect,
    peer: '',
    requestId: '',
    signal: new AbortController().signal,
  };
}

/** What a call is refused with; fails where it is not refused, or fails in another way. */
export function refusalOf(answer: Promise<unknown>): Promise<VaultError> {
  return refusalOfClass(answer, VaultError);
}

/** What a create chooses, but for what the test says. */
export function someDraft(changes: Partial<CredentialDraft> = {}): CredentialDraft {
  return { ...draftDefaults, name: 'a name', provider: 'openai', authType: 'api_key', ...changes };
}

/** A secret of a few fields. */
export function someSecret(fields: JsonObject = { key: 'k1' }): Secret {
  return new Secret(fields);
}

function vaultsOf({ ids, ciphers, stores }: Instance, clock: StandingClock) {
  const { credentials } = stores;
  const usage = new CredentialUsage(credentials, clock);
  const parts = { store: credentials, ciphers, usage, clock, ids, secretBytesMax: 1_000, providerAfter };
  const newUsage = () => new CredentialUsage(credentials, clock);
  return { vault: new CredentialVault(parts), resolver: new SecretResolver(parts), usage, newUsage };
}

/** Made by the owner, who has nothing to do with the calls of the tests. */
async function addWorkspace({ ids, ciphers, stores }: Instance, clock: StandingClock): Promise<string> {
  const owner = await stores.users.findFirstOwner();
  assert(owner);
  const { caller, ...call } = callIn(owner.defaultWorkspaceId);
  const directory = new WorkspaceDirectory({ store: stores.workspaces, ciphers, clock, ids });
  const made = { ...call, caller: { ...caller, userId: owner.id, isOwner: true } };
  return (await directory.createWorkspace(made, 'other')).id;
}
