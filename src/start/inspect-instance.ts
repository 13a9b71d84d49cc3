import type { Client } from 'pg';
import type { Logger } from 'pino';
import { ChainVerifier } from '../audit/chain-verifier.ts';
import { KeyedAuditChain } from '../audit/keyed-audit-chain.ts';
import type { Config } from '../config/config.ts';
import type { Keyring } from '../encryption/keyring.ts';
import { RandomPool } from '../encryption/random.ts';
import { loadSodium } from '../encryption/sodium.ts';
import { WorkspaceKeys } from '../encryption/workspace-keys.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { SessionOpener, endClient } from '../store/postgres/connect/session-opener.ts';
import { openDatabase } from '../store/postgres/database.ts';
import { appRole, asAppRole, maySetRole } from '../store/schema/app-role.ts';
import { isServingUser, requireSchema } from '../store/schema/schema-check.ts';
import { createStores } from '../store/stores/stores.ts';
import { MonotonicUuidV7 } from '../vault/ids.ts';
import type { TrailVerifier } from '../vault/audit/ports.ts';
import type { Clock } from '../vault/time.ts';
import { checkBeforeChanging } from './instance-checks.ts';

/** What an inspection works with. */
export interface InspectionParts {
  readonly config: Config;
  readonly connection: DatabaseConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal?: AbortSignal | undefined;
}

/** Opens a session in which nothing can be changed. The stack closes it. */
export async function openReadOnlySession(
  connection: DatabaseConnection,
  stack: AsyncDisposableStack,
): Promise<Client> {
  const client = await new SessionOpener(connection).open({});
  stack.defer(() => endClient(client));
  await client.query('set default_transaction_read_only = on; set jit = off');
  return client;
}

/**
 * Checks that the schema is that of this release, in a session of the user of the database.
 *
 * @returns the role of the server; null where it works as the owner of the tables
 * @throws NoVaultError, SchemaTooNewError, SchemaTooOldError, NotMemberError
 */
export async function inspectSchema(session: Client): Promise<typeof appRole | null> {
  if (await isServingUser(session)) {
    await asAppRole(session, () => requireSchema(session));
    return appRole;
  }
  await requireSchema(session);
  return (await maySetRole(session)) ? appRole : null;
}

/**
 * Opens the keys of a vault that exists, without the migration lock and without changing anything.
 *
 * @returns undefined where the vault has no keyring yet
 * @throws what obtaining the master key throws, WrongKeySettingError, KeyringDamagedError
 */
export async function inspectKeys(
  session: Client,
  parts: InspectionParts,
  stack: AsyncDisposableStack,
): Promise<Keyring | undefined> {
  const tools = { sodium: await loadSodium(), random: new RandomPool() };
  const keyring = await checkBeforeChanging(session, { ...tools, ...parts, mayBegin: false });
  stack.defer(() => keyring?.close());
  return keyring;
}

/** Opens the verification of a vault over read-only sessions. The stack closes it. */
export async function openReadOnlyVerifier(
  keyring: Keyring,
  role: typeof appRole | null,
  { clock, connection, log }: InspectionParts,
  stack: AsyncDisposableStack,
): Promise<TrailVerifier> {
  const random = new RandomPool();
  const opened = await openDatabase({ connection, role, poolMax: poolMax, log, isReadOnly: true });
  stack.defer(() => opened.close());
  const database = opened.forLongWork();
  const chain = new KeyedAuditChain(keyring.auditMac);
  const ids = new MonotonicUuidV7({ clock, random });
  const stores = createStores({ database, grantMac: keyring.grantMac, chain, clock, ids, log });
  const ciphers = new WorkspaceKeys({ sodium: await loadSodium(), random, clock, store: stores.keys, keyring });
  stack.defer(() => ciphers.close());
  return new ChainVerifier({ chain, ciphers, store: stores.auditTrail, ownHead: stores.auditHead });
}

/** The trail is read on one while keys are loaded on another. */
const poolMax = 3;
