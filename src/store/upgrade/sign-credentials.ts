import type { LedgerEntry } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { nilUuid } from '../../vault/ids.ts';
import { isDamaged, LockedLedger } from '../trail/ledger.ts';
import { CredentialGuard } from '../credentials/credential-guard.ts';
import { credentialOf, credentialProperties, type CredentialRow } from '../credentials/credential-row.ts';
import type { Database } from '../postgres/database.ts';
import { selectList, type Statement, combine, updateRows } from '../postgres/statements/statement.ts';
import { findLedger } from '../trail/trail-statements.ts';

/** The dependencies of signing. */
export interface Signing {
  readonly database: Database;
  readonly grantMac: GrantMac;
  readonly chain: AuditChain;
  readonly clock: Clock;
}

const macTypes = { workspaceId: 'uuid', id: 'uuid', mac: 'bytea' } as const;
/** The most rows that are signed in one transaction. */
const batchSize = 1_000;

/**
 * Signs the credentials of releases that did not sign them, once, at the first start of a release that does. A ledger line records
 * that this was done: a row without a MAC is not genuine from then on. To be called under the migration lock, while no process of
 * such a release is running.
 *
 * Nothing is signed if the line may have been removed, or if the trail has events of a release that signs credentials. The line
 * is written in any case, so in a new database it is the first one.
 */
export async function signCredentialsOnce(signing: Signing): Promise<void> {
  const { chain, clock, database, grantMac } = signing;
  const ledger = await database.query<LedgerEntry>(findLedger);
  // The line may have been removed from a damaged ledger.
  if (ledger.some(({ kind }) => kind === 'sign') || isDamaged(chain, ledger)) return;
  if (await hasUnsignedRelease(database, ledger)) {
    const guard = new CredentialGuard(grantMac);
    for (const { id } of await database.query<{ id: string }>(findWorkspaces)) await signWorkspace(database, guard, id);
  }
  await database.transact({}, async (transaction) => {
    const lockedLedger = await LockedLedger.open(transaction, chain);
    await lockedLedger.append({ kind: 'sign', stream: nilUuid, time: clock.now(), heads: '{}' });
  });
}

const findWorkspaces: Statement = { name: 'workspaces', text: 'select id from workspace order by id', values: [] };

function findUnsigned(workspaceId: string): Statement {
  return {
    name: 'unsigned credentials',
    text: `
      select ${selectList('c', credentialProperties)} from credential c
      where c.workspace_id = $1 and c.mac is null order by c.id limit $2 for no key update`,
    values: [workspaceId, batchSize],
  };
}

/** Whether a release without MACs has used the database: there are streams, none with states of MACs or without its ledger line. */
async function hasUnsignedRelease(database: Database, ledger: readonly LedgerEntry[]): Promise<boolean> {
  if (!ledger.some(({ kind }) => kind === 'begin')) return false;
  return (await database.query(findLaterEvents)).length === 0;
}

const findLaterEvents: Statement = {
  name: 'events later than signing',
  text: `
    select e.stream from audit_event e
    where e.resource_state is not null
      or not exists (select from audit_ledger l where l.kind = 'begin' and l.stream = e.stream)
    limit 1`,
  values: [],
};

async function signWorkspace(database: Database, guard: CredentialGuard, workspaceId: string): Promise<void> {
  for (;;) {
    const count = await database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const rows = await transaction.run<CredentialRow>(findUnsigned(workspaceId));
      const signed = rows.map((row) => ({ workspaceId, id: row.id, mac: guard.sign(credentialOf(row)) }));
      const fragment = { keys: ['workspaceId', 'id'], rows: signed };
      if (signed.length > 0) await transaction.run(combine(updateRows('credential', macTypes, fragment)));
      return signed.length;
    });
    if (count < batchSize) return;
  }
}
