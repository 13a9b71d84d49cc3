import type { LedgerEntry } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import type { WorkspaceCipherSource } from '../../vault/workspaces/ports.ts';
import type { Database } from '../postgres/database.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import { nilUuid } from '../../vault/ids.ts';
import { isDamaged, LockedLedger } from '../trail/ledger.ts';
import { findLedger } from '../trail/trail-statements.ts';
import { apiKeyUpgrade, signTable, userUpgrade, workspaceUpgrade } from './sign-tables.ts';
import { signVersions } from './sign-versions.ts';

/** The dependencies of signing rows in a new format. */
export interface FormatSigning {
  readonly database: Database;
  /** Opens the database as the owner of its tables, for rows that the role of the server may not change. */
  readonly openOwner: () => Promise<Database>;
  readonly grantMac: GrantMac;
  readonly ciphers: WorkspaceCipherSource;
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly log: StoreLog;
}

/** The dependencies of signing one table. */
export interface TableSigning {
  /** Connected as the owner of the tables. */
  readonly database: Database;
  readonly grantMac: GrantMac;
  readonly ciphers: WorkspaceCipherSource;
  readonly progress: SigningProgress;
}

/** A table with its present format. */
interface TableFormat {
  readonly table: string;
  readonly format: string;
  readonly sign: (signing: TableSigning) => Promise<void>;
}

const formats: readonly TableFormat[] = [
  { table: 'workspace', format: 'workspace/1', sign: (signing) => signTable(signing, workspaceUpgrade) },
  { table: 'user', format: 'user/2', sign: (signing) => signTable(signing, userUpgrade) },
  { table: 'api_key', format: 'api_key/2', sign: (signing) => signTable(signing, apiKeyUpgrade) },
  { table: 'credential_version', format: 'credential_version/1', sign: signVersions },
];

/**
 * Signs the rows of each table once in its present format, at the first start that knows the format. A ledger line records each
 * table, so that this is never repeated: a row in a former format, or without a MAC, is not genuine from then on. After an
 * interruption the next start continues, since signed rows are skipped. To be called under the migration lock, while no process
 * of an earlier release is running.
 *
 * Nothing is signed if a ledger line was removed or changed, since it may have been one of these, or if the line of a stream is
 * missing.
 *
 * @see docs/decisions/0030-names-under-macs.md
 */
export async function signFormatsOnce(signing: FormatSigning): Promise<void> {
  const { chain, database, log } = signing;
  const ledger = await database.query<LedgerEntry>(findLedger);
  const missing = formats.filter(({ table }) => !isRecorded(ledger, table));
  if (missing.length === 0) return;
  if (isDamaged(chain, ledger)) {
    log.error({}, 'the ledger of the audit trail is not as it was written: no row is signed in a new format');
    return;
  }
  const isUpgrade = await hasEarlierRows(signing, ledger);
  await using stack = new AsyncDisposableStack();
  const owner = isUpgrade ? stack.adopt(await signing.openOwner(), (opened) => opened.close()) : undefined;
  for (const { table, format, sign } of missing) {
    if (owner) await signOne(signing, owner, { table, format, sign });
    await record(signing, { [table]: format });
  }
}

async function signOne(
  { grantMac, log, ciphers }: FormatSigning,
  owner: Database,
  { table, format, sign }: TableFormat,
): Promise<void> {
  const progress = new SigningProgress({ table, format, log });
  await sign({ database: owner.forLongWork(), grantMac, ciphers, progress });
  progress.end();
}

function isRecorded(ledger: readonly LedgerEntry[], table: string): boolean {
  return ledger.some(({ heads, kind }) => kind === 'format' && heads.startsWith(`{${JSON.stringify(table)}:`));
}

/** Whether there are rows of an earlier release. A new database has neither rows nor streams. */
async function hasEarlierRows({ database, log }: FormatSigning, ledger: readonly LedgerEntry[]): Promise<boolean> {
  const [found] = await database.query<{ readonly isNew: boolean; readonly isCut: boolean }>(findEvidence);
  if (!found || found.isNew) return false;
  if (!found.isCut && ledger.some(({ kind }) => kind === 'begin')) return true;
  log.error({}, 'lines of the ledger of the audit trail are missing: no row is signed in a new format');
  return false;
}

const findEvidence: Statement = {
  name: 'evidence of earlier rows',
  text: `
    select not exists (select from workspace) and not exists (select from "user") as "isNew",
      exists (
        select from audit_event e
        where not exists (select from audit_ledger l where l.kind = 'begin' and l.stream = e.stream)
      ) as "isCut"`,
  values: [],
};

async function record({ chain, clock, database }: FormatSigning, format: Readonly<Record<string, string>>) {
  await database.transact({}, async (transaction) => {
    const ledger = await LockedLedger.open(transaction, chain);
    await ledger.append({ kind: 'format', stream: nilUuid, time: clock.now(), heads: JSON.stringify(format) });
  });
}

/** The dependencies of signing progress. */
export interface SigningProgressParts {
  readonly table: string;
  readonly format: string;
  readonly log: StoreLog;
}

const logEveryMs = 5_000;
/** The most rows per table that the log names. */
const namedMax = 100;

/** Counts signed rows, and logs the progress. */
export class SigningProgress {
  readonly #parts: SigningProgressParts;
  readonly #startedAtMs = performance.now();
  #loggedAtMs = performance.now();
  #signed = 0;
  #failed = 0;

  constructor(parts: SigningProgressParts) {
    this.#parts = parts;
  }

  /** Counts signed rows. */
  add(count: number): void {
    this.#signed += count;
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < logEveryMs) return;
    this.#loggedAtMs = nowMs;
    this.#log('rows are being signed');
  }

  /** Counts a row that was tampered with, and therefore is not signed. */
  fail(id: string): void {
    this.#failed += 1;
    const { log, table } = this.#parts;
    if (this.#failed <= namedMax) log.error({ table, id }, 'a row fails its present MAC: it is not signed again');
  }

  end(): void {
    if (this.#signed + this.#failed > 0) this.#log('the rows are signed');
  }

  #log(message: string): void {
    const { format, log, table } = this.#parts;
    const elapsedMs = Math.round(performance.now() - this.#startedAtMs);
    log.info({ table, format, signed: this.#signed, failed: this.#failed, elapsedMs }, message);
  }
}
