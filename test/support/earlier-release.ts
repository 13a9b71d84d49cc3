import { Client } from 'pg';
import { KeyedAuditChain } from '../../src/audit/keyed-audit-chain.ts';
import { parseMasterKey } from '../../src/encryption/master-key.ts';
import { openKeyring } from '../../src/encryption/open-keyring.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { SystemClock } from '../../src/vault/time.ts';
import { openDatabase, type Database } from '../../src/store/postgres/database.ts';
import { ApiKeyEntity, UserEntity } from '../../src/store/entities/identity.ts';
import { findLedger } from '../../src/store/trail/trail-statements.ts';
import { formerApiKeyGrants, formerUserGrants } from '../../src/store/upgrade/former-formats.ts';
import { SqlKeyringStore } from '../../src/store/stores/key-store.ts';
import type { LedgerEntry } from '../../src/vault/audit/audit-chain.ts';
import type { TestCoffer } from './coffer.ts';

/** Brings the rows of a Coffer that has stopped to what the release before names were under MACs has written. */
export async function returnToFormerFormats({ database: target, environment }: TestCoffer): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const database = await openDatabase({ connection: target.connection, poolMax: 2, role: null, log });
  stack.defer(() => database.close());
  const superuser = new Client(target.connection);
  await superuser.connect();
  stack.defer(() => superuser.end());
  const key = parseMasterKey(environment['COFFER_MASTER_KEY'] ?? '');
  if (!key) throw new Error('the test gives a master key');
  const parts = { sodium: await loadSodium(), random: new RandomPool(), clock: new SystemClock() };
  const store = new SqlKeyringStore(database);
  const { auditMac, grantMac } = await openKeyring({ ...parts, store, master: { kind: 'key', key } });
  for (const row of await database.find({}, UserEntity, { where: {} })) {
    const mac = grantMac.compute(formerUserGrants.label, formerUserGrants.fields(row));
    await superuser.query('update "user" set mac = $2 where id = $1', [row.id, mac]);
  }
  for (const row of await database.find({}, ApiKeyEntity, { where: {} })) {
    const mac = grantMac.compute(formerApiKeyGrants.label, formerApiKeyGrants.fields(row));
    await superuser.query('update api_key set mac = $2 where id = $1', [row.id, mac]);
  }
  await superuser.query('update workspace set mac = null');
  await superuser.query('update credential_version set mac = null');
  await rewriteLedger(new KeyedAuditChain(auditMac), database, superuser);
}

/** The ledger without the lines on formats, chained as if they had never been. */
async function rewriteLedger(chain: KeyedAuditChain, database: Database, superuser: Client): Promise<void> {
  const lines = (await database.query<LedgerEntry>(findLedger)).filter(({ kind }) => kind !== 'format');
  await superuser.query('truncate audit_ledger');
  let previous: LedgerEntry | undefined;
  for (const { heads, kind, stream, time } of lines) {
    previous = chain.enter(previous, { kind, stream, time, heads });
    await superuser.query(
      'insert into audit_ledger (number, kind, stream, time, heads, mac) values ($1, $2, $3, $4, $5, $6)',
      [previous.number, kind, stream, time, heads, previous.mac],
    );
  }
}
