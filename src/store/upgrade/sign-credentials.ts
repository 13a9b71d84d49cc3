import { nilUuid } from '../../vault/ids.ts';
import { continuableLines, type LedgerEntry } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { insertLedgerEntry } from '../trail/audit-event-row.ts';
import { CredentialGuard } from '../credentials/credential-guard.ts';
import { credentialOf, credentialProperties, type CredentialRow } from '../credentials/credential-row.ts';
import type { Database } from '../postgres/database.ts';
import { selectList, type Statement, combine, updateRows } from '../postgres/statements/statement.ts';
import { findLedger, lockLedger } from '../trail/trail-statements.ts';

/** What signing works with. */
export interface Signing {
  readonly database: Database;
  readonly grantMac: GrantMac;
  readonly chain: AuditChain;
  readonly clock: Clock;
}

const macTypes = { workspaceId: 'uuid', id: 'uuid', mac: 'bytea' } as const;
/** How many rows are signed in one transaction. */
const rowsAtATime = 1_000;

/**
 * Signs the credentials from before there were MACs on them, at the first start that knows of MACs. A line in the ledger says
 * that it was done, so that it is never done again: what is without a MAC from then on was put in by somebody else. To be
 * called under the migration lock, while no process that writes without MACs is running.
 *
 * Where the line is missing since somebody has cut the ledger, rows are not signed, but the line is written: only rows whose
 * trail began before are. So a database that was new when there were MACs is never signed, since its line is the first one.
 */
export async function signCredentialsOnce(signing: Signing): Promise<void> {
  const { chain, clock, database, grantMac } = signing;
  const ledger = await database.query<LedgerEntry>(findLedger);
  if (isSigned(chain, ledger)) return;
  if (await isFromBefore(database, ledger)) {
    const guard = new CredentialGuard(grantMac);
    for (const { id } of await database.query<{ id: string }>(findWorkspaces)) await signWorkspace(database, guard, id);
  }
  await database.transact({}, async (transaction) => {
    await transaction.run(lockLedger);
    const entries = continuableLines(await transaction.run<LedgerEntry>(findLedger));
    const line = { kind: 'sign', stream: nilUuid, time: clock.now(), heads: '{}' } as const;
    await transaction.run(combine(insertLedgerEntry(chain.enter(entries.at(-1), line))));
  });
}

const findWorkspaces: Statement = { name: 'workspaces', text: 'select id from workspace order by id', values: [] };

function findUnsigned(workspaceId: string): Statement {
  return {
    name: 'unsigned credentials',
    text: `
      select ${selectList('c', credentialProperties)} from credential c
      where c.workspace_id = $1 and c.mac is null order by c.id limit $2 for no key update`,
    values: [workspaceId, rowsAtATime],
  };
}

/** A line about all streams names none. */
/** Where a line was removed or changed, it may have been the one: then nothing is signed any more. */
function isSigned(chain: AuditChain, ledger: readonly LedgerEntry[]): boolean {
  return ledger.some((entry, index) => {
    const previous = ledger[index - 1];
    return entry.kind === 'sign' || entry.number !== index + 1 || !chain.follows(previous, entry);
  });
}

/** Whether rows may be older than MACs: there were streams without any line on signing, and none that tells of MACs or lost its own line. */
async function isFromBefore(database: Database, ledger: readonly LedgerEntry[]): Promise<boolean> {
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
    if (count < rowsAtATime) return;
  }
}
