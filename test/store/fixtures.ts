import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { KeyedAuditChain } from '../../src/audit/keyed-audit-chain.ts';
import { KeyedAuditMac, KeyedGrantMac } from '../../src/encryption/macs.ts';
import { Key } from '../../src/encryption/key.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { MonotonicUuidV7, uuidV7 } from '../../src/vault/ids.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { SystemClock } from '../../src/vault/time.ts';
import { openDatabase, type Database } from '../../src/store/postgres/database.ts';
import { entities } from '../../src/store/entities/index.ts';
import { withMigratedDatabase } from '../../src/store/schema/migrate.ts';
import type { StoreLog } from '../../src/store/postgres/connect/store-log.ts';
import { createStores, type Stores } from '../../src/store/stores/stores.ts';
import type { AuditEvent } from '../../src/vault/audit/audit-event.ts';
import type { Credential, SealedVersion } from '../../src/vault/credentials/credential.ts';
import { unscoped } from '../../src/vault/key-scope.ts';
import type { ApiKey, Membership, User } from '../../src/vault/identity/identity.ts';
import type { Decision } from '../../src/vault/credentials/decision-ports.ts';
import type { Revocation } from '../../src/vault/identity/ports.ts';
import type { Workspace, WrappedWorkspaceKey } from '../../src/vault/workspaces/ports.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';

/** A time that is not a whole second, so that rounding would show. */
export const createdAt = new Date('2024-01-01T00:00:00.123Z');

/** A signal that is never aborted. */
export const patience = new AbortController().signal;

/** What was logged. */
export interface Logged {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that remembers. */
export function recordingLog(): StoreLog & { readonly lines: Logged[] } {
  const lines: Logged[] = [];
  const write = (level: Logged['level']) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, fields, message });
  return { lines, info: write('info'), warn: write('warn'), error: write('error') };
}

/** A migrated database of its own, with the stores over it. */
export interface TestStores {
  readonly target: TestDatabase;
  readonly database: Database;
  /** Those of one process, until tables are emptied. */
  readonly stores: Stores;
  readonly chain: KeyedAuditChain;
  readonly grantMac: KeyedGrantMac;
  /** The stores once more, as another process has them, with a stream of their own. */
  readonly newStores: (database?: Database) => Stores;
  readonly log: ReturnType<typeof recordingLog>;
  /** Runs a statement as the superuser, whom row-level security does not bind. */
  readonly asSuperuser: <Row extends QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
  /** Empties all tables and the log, and begins another process. */
  readonly reset: () => Promise<void>;
  /** Empties tables, separated by commas, and begins another process: the stream of the one before is gone. */
  readonly empty: (tables: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Makes a database, migrates it, and opens it as the server does. */
export async function openTestStores(poolMax = 4): Promise<TestStores> {
  const target = await (await sharedPostgres()).createMigratedDatabase();
  const log = recordingLog();
  const database = await withMigratedDatabase({ connection: target.connection, log }, ({ role }) =>
    openDatabase({ connection: target.connection, poolMax, role, log }),
  );
  const sodium = await loadSodium();
  const clock = new SystemClock();
  const parts = {
    grantMac: new KeyedGrantMac(sodium, new Key(randomBytes(32))),
    chain: new KeyedAuditChain(new KeyedAuditMac(sodium, new Key(randomBytes(32)))),
    clock,
    ids: new MonotonicUuidV7({ clock, random: new RandomPool() }),
    log,
  };
  const superuser = new Client(target.connection);
  // The tests that end all sessions end this one as well.
  superuser.on('error', () => undefined);
  await superuser.connect();
  let stores = createStores({ ...parts, database });
  const empty = async (tables: string) => {
    await superuser.query(`truncate ${tables}`);
    stores = createStores({ ...parts, database });
  };
  return {
    target,
    database,
    chain: parts.chain,
    grantMac: parts.grantMac,
    get stores() {
      return stores;
    },
    empty,
    newStores: (other = database) => createStores({ ...parts, database: other }),
    log,
    asSuperuser: async <Row extends QueryResultRow>(text: string, values: unknown[] = []) =>
      (await superuser.query<Row>(text, values)).rows,
    reset: async () => {
      await empty(entities.map(({ meta }) => `"${meta.tableName}"`).join(', '));
      log.lines.length = 0;
    },
    close: async () => {
      await superuser.end();
      await database.close();
    },
  };
}

let lastMs = createdAt.getTime();

/** A fresh UUIDv7, behind all earlier ones. */
export function newId(): string {
  lastMs += 1;
  return uuidV7(lastMs, randomBytes(10));
}

export function newEvent(changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: newId(),
    time: createdAt,
    workspaceId: null,
    actorKind: 'system',
    actorId: null,
    actorName: 'test',
    authentication: 'local',
    action: 'credentials.create',
    resourceKind: 'credential',
    resourceId: null,
    outcome: 'OK',
    protocol: 'none',
    dialect: 'coffer',
    peer: '',
    requestId: '',
    ...changes,
  };
}

/** The event of what ends together with something else. */
export function eventOfRevocation({ action, resourceKind, resourceId }: Revocation): AuditEvent {
  return newEvent({ action, resourceKind, resourceId });
}

export function newWorkspace(changes: Partial<Workspace> = {}): Workspace {
  return { id: newId(), name: 'default', createdBy: newId(), createdAt, ...changes };
}

export function newWorkspaceKey(workspaceId: string, changes: Partial<WrappedWorkspaceKey> = {}): WrappedWorkspaceKey {
  const bytes = { keyId: randomBytes(8), wrapped: randomBytes(72) };
  return { workspaceId, ...bytes, masterFingerprint: '3f9a000000000000', createdAt, ...changes };
}

export function newUser(defaultWorkspaceId: string, changes: Partial<User> = {}): User {
  return {
    id: newId(),
    name: 'user',
    isOwner: false,
    defaultWorkspaceId,
    passwordHash: null,
    deactivatedAt: null,
    createdAt,
    ...changes,
  };
}

export function newApiKey(user: User, changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id: newId(),
    workspaceId: user.defaultWorkspaceId,
    userId: user.id,
    name: 'key',
    hash: randomBytes(32),
    prefix: 'cof_abcd',
    role: 'EDITOR',
    mayReveal: true,
    dialect: null,
    ...unscoped,
    expiresAt: null,
    revokedAt: null,
    createdAt,
    ...changes,
  };
}

/** A new instance: its first workspace, and an owner who is its admin, with a personal key. */
export async function setUpInstance({ asSuperuser, stores }: TestStores): Promise<{
  readonly workspace: Workspace;
  readonly owner: User;
  readonly membership: Membership;
  readonly apiKey: ApiKey;
}> {
  // The keys of workspaces refer to the master key of the keyring.
  await asSuperuser(
    `insert into keyring (id, instance_id, derivation, salt, master_fingerprint, canary, wrapped_keys, created_at)
     values (1, $1, 'key', '', '3f9a000000000000', '', '', now()) on conflict do nothing`,
    [newId()],
  );
  const workspace = newWorkspace();
  const owner = newUser(workspace.id, { name: 'owner', isOwner: true });
  const membership = { workspaceId: workspace.id, userId: owner.id, role: 'ADMIN', mayReveal: true } as const;
  const apiKey = newApiKey(owner, { role: null, name: 'admin' });
  const key = newWorkspaceKey(workspace.id);
  await stores.users.createFirstOwner({ workspace, key, owner, membership, apiKey, event: newEvent() });
  return { workspace, owner, membership, apiKey };
}

/** One more workspace, made by a user. */
export async function addWorkspace({ stores }: TestStores, maker: User): Promise<Workspace> {
  const workspace = newWorkspace({ createdBy: maker.id });
  await stores.workspaces.createWorkspace({
    workspace,
    key: newWorkspaceKey(workspace.id),
    maker: { workspaceId: workspace.id, userId: maker.id, role: 'ADMIN', mayReveal: true },
    event: newEvent({ action: 'workspaces.create' }),
  });
  return workspace;
}

export function newCredential(workspaceId: string, changes: Partial<Credential> = {}): Credential {
  return {
    workspaceId,
    id: newId(),
    name: 'a name',
    nameIsExclusive: false,
    description: null,
    provider: 'openai',
    authType: 'api_key',
    category: null,
    scope: null,
    subject: null,
    tags: [],
    labels: {},
    metadata: null,
    isActive: true,
    expiresAt: null,
    lastUsedAt: null,
    useCount: 0,
    currentVersion: 1,
    oldestVersion: null,
    revision: 1,
    origin: 'coffer',
    createdBy: newId(),
    createdAt,
    updatedAt: createdAt,
    deletedAt: null,
    purgeAt: null,
    purgedAt: null,
    noticeAt: null,
    ...changes,
  };
}

export function newVersion(changes: Partial<SealedVersion> = {}): SealedVersion {
  const bytes = { sealed: randomBytes(100), keyId: randomBytes(8) };
  return { version: 1, ...bytes, createdBy: newId(), createdAt, ...changes };
}

/** The decision to create a credential. */
export function creationOf(credential: Credential, version = newVersion()): Decision<Credential> {
  const event = newEvent({ workspaceId: credential.workspaceId, resourceId: credential.id });
  return { insert: { credential, version }, event, answer: credential };
}

/** Stores a credential. */
export async function addCredential(
  { stores }: TestStores,
  credential: Credential,
  version = newVersion(),
): Promise<Credential> {
  const target = { workspaceId: credential.workspaceId, signal: patience };
  return stores.credentials.decide(target, () => creationOf(credential, version));
}

/** Resolves when the database answers. */
export async function ping(database: Database, signal?: AbortSignal): Promise<void> {
  await database.query({ name: 'ping', text: 'select 1', values: [] }, signal);
}

/** Asks again until the answer is yes, and leaves the processor to what it waits for; mocha's timeout ends the patience. */
export async function until(question: () => Promise<boolean>): Promise<void> {
  while (!(await question())) await delay(5);
}

/** Works with a separate PostgreSQL, where what belongs to the whole cluster matters. */
export async function withOwnPostgres(work: (superuser: PostgresConnection) => Promise<void>): Promise<void> {
  const server = await startPostgresServer();
  try {
    await work(server.connection);
  } finally {
    await server.stop();
  }
}
