import { nilUuid } from '../../vault/ids.ts';
import type { QueryResultRow } from 'pg';
import type { GrantMac } from '../../vault/identity/ports.ts';
import type {
  CredentialEvidence,
  GrantEvidence,
  RecordReader,
  VersionEvidence,
  VersionReader,
} from '../../vault/audit/ports.ts';
import {
  apiKeyProperties,
  membershipProperties,
  userProperties,
  type ApiKeyRow,
  type MembershipRow,
  type UserRow,
} from '../identity/identity-rows.ts';
import { CredentialGuard, formatCredentialState, type SignedRow } from '../credentials/credential-guard.ts';
import { credentialOf } from '../credentials/credential-row.ts';
import type { Database } from '../postgres/database.ts';
import { isReadableRow } from '../postgres/statements/column-readers.ts';
import { hasGenuineMac, type GrantTable, type Signed } from '../identity/grant-guard.ts';
import {
  apiKeyGrants,
  membershipGrants,
  sessionGrants,
  userGrants,
  versionGrants,
  workspaceGrants,
  workspaceKeyGrants,
  type VersionRecord,
} from '../identity/grant-tables.ts';
import {
  closeCursor,
  contradictionsCursor,
  credentialsCursor,
  enterWorkspace,
  fetchRows,
  findExistingWorkspace,
  findRecordedWorkspaces,
  findVersions,
  restoredVersionsCursor,
  tableCursor,
  workspaceKeysCursor,
} from './record-statements.ts';
import { readAhead } from '../postgres/statements/pages.ts';
import { workspaceProperties, type WorkspaceRow } from '../workspaces/workspace-rows.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { Session } from '../../vault/identity/identity.ts';
import type { WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';

const pageSize = 1_000;
/** Smaller, since sealed secrets may be large. */
const versionsPageSize = 100;
const beforeFirst = { credentialId: nilUuid, version: 0 };

type WithMac<Row> = Row & { readonly mac: Uint8Array };
/** A version with its credential. Only the ids are set for a credential without a version. */
type VersionRow = VersionRecord & Omit<VersionEvidence, 'isGenuine' | 'isDestroyed' | 'version'> & Signed;
type RecordedRow = SignedRow & {
  readonly recordedId: string | null;
  readonly recordedRevision: number | null;
  readonly recordedState: string | null;
  readonly isForked: boolean | null;
};

/** Reads all rows that affect decisions, in one snapshot. Its methods must not run at the same time. */
export class SqlRecordReader implements RecordReader {
  readonly #transaction: Transaction;
  readonly #mac: GrantMac;
  readonly #guard: CredentialGuard;

  constructor(transaction: Transaction, mac: GrantMac) {
    this.#transaction = transaction;
    this.#mac = mac;
    this.#guard = new CredentialGuard(mac);
  }

  async *credentials(): AsyncGenerator<readonly CredentialEvidence[]> {
    for (const { id } of await this.#workspaces()) {
      await this.#transaction.run(enterWorkspace(id));
      for await (const rows of this.#read<RecordedRow>(credentialsCursor)) {
        yield rows.map((row) => this.#evidenceOf(id, row));
      }
    }
  }

  async *grants(): AsyncGenerator<readonly GrantEvidence[]> {
    yield* this.#checkKeyring();
    yield* this.#check<WorkspaceRow>(workspaceGrants, tableCursor('workspace', [...workspaceProperties, 'purgedAt']));
    yield* this.#check<UserRow>(userGrants, tableCursor('user', userProperties));
    yield* this.#check<ApiKeyRow>(apiKeyGrants, tableCursor('api_key', [...apiKeyProperties, 'lastUsedAt']));
    yield* this.#check<MembershipRow>(membershipGrants, tableCursor('membership', membershipProperties));
    yield* this.#check<WithMac<Session>>(
      sessionGrants,
      tableCursor('session', ['id', 'userId', 'hash', 'expiresAt', 'createdAt', 'mac']),
    );
    for (const { id } of await this.#workspaces()) {
      await this.#transaction.run(enterWorkspace(id));
      let isEmpty = true;
      for await (const keys of this.#read<WithMac<WrappedWorkspaceKey>>(workspaceKeysCursor)) {
        isEmpty &&= keys.length === 0;
        yield this.#changed(workspaceKeyGrants, keys);
      }
      yield* this.#read<GrantEvidence>(restoredVersionsCursor);
      if (isEmpty) yield [{ table: workspaceKeyGrants.name, id, flaw: 'removed' }];
    }
    yield* this.#read<GrantEvidence>(contradictionsCursor);
  }

  async #workspaces(): Promise<readonly { readonly id: string }[]> {
    return this.#transaction.run<{ readonly id: string }>(findRecordedWorkspaces);
  }

  #evidenceOf(workspaceId: string, row: RecordedRow): CredentialEvidence {
    const { isForked, recordedId, recordedRevision, recordedState } = row;
    const recorded =
      recordedRevision === null || recordedState === null
        ? undefined
        : { revision: recordedRevision, state: recordedState };
    const base = { workspaceId, recorded, isForked: isForked === true };
    // In a full join, all columns of one side may be null.
    if (!isPresent(row)) return { ...base, id: recordedId ?? '', row: undefined };
    const isGenuine = this.#guard.isGenuine(row);
    const state = row.mac ? formatCredentialState(credentialOf(row), row.mac) : undefined;
    const isReadable = isReadableRow([row.lastUsedAt, row.useCount, row.noticeAt]);
    const { revision, updatedAt } = row;
    return { ...base, id: row.id, row: { isGenuine, isReadable, revision, updatedAt, state } };
  }

  async *#check<Row extends QueryResultRow & Signed>(
    table: GrantTable<Omit<Row, 'mac'>>,
    statement: Statement,
  ): AsyncGenerator<readonly GrantEvidence[]> {
    for await (const rows of this.#read<Row>(statement)) yield this.#changed(table, rows);
  }

  /** The keys of the keyring are authenticated when they are opened at the start, so only its other columns need a check. */
  async *#checkKeyring(): AsyncGenerator<readonly GrantEvidence[]> {
    for await (const rows of this.#read<{ readonly id: number }>(tableCursor('keyring', ['id', 'createdAt']))) {
      const unreadable = rows.filter((row) => !isReadableRow(row));
      yield unreadable.map(({ id }) => ({ table: 'keyring', id: String(id), flaw: 'unreadable' }));
    }
  }

  #changed<Row extends Signed>(table: GrantTable<Omit<Row, 'mac'>>, rows: readonly Row[]): readonly GrantEvidence[] {
    return rows.flatMap((row): GrantEvidence[] => {
      const flaw = hasGenuineMac(this.#mac, table, row) ? isReadableRow(row) || 'unreadable' : 'changed';
      return flaw === true ? [] : [{ table: table.name, id: table.id(row), flaw }];
    });
  }

  async *#read<Row extends QueryResultRow>(declare: Statement): AsyncGenerator<readonly Row[]> {
    await this.#transaction.run(declare);
    yield* readAhead<Row>(() => this.#transaction.run<Row>(fetchRows(pageSize)), pageSize);
    await this.#transaction.run(closeCursor);
  }
}

function isPresent({ id }: { readonly id: string | null }): boolean {
  return id !== null;
}

/** Reads the versions of credentials. */
export class SqlVersionReader implements VersionReader {
  readonly #database: Database;
  readonly #mac: GrantMac;

  constructor(database: Database, mac: GrantMac) {
    this.#database = database;
    this.#mac = mac;
  }

  async *readVersions(signal: AbortSignal | undefined): AsyncGenerator<readonly VersionEvidence[]> {
    for (const { id } of await this.#database.query<{ readonly id: string }>(findRecordedWorkspaces, signal)) {
      yield* this.#readWorkspace(id, signal);
    }
  }

  async workspaceExists(workspaceId: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#database.query(findExistingWorkspace(workspaceId), signal)).length > 0;
  }

  async *#readWorkspace(
    workspaceId: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly VersionEvidence[]> {
    const pages = readAhead<VersionRow>(async (last) => {
      const after = last ? { credentialId: last.credentialId, version: last.version ?? 0 } : beforeFirst;
      const statement = findVersions(workspaceId, after, versionsPageSize);
      const [rows = []] = await this.#database.read<VersionRow>(
        { workspaces: [workspaceId], ...(signal && { signal }) },
        [statement],
      );
      return rows;
    }, versionsPageSize);
    for await (const rows of pages) {
      yield rows.map((row) => evidenceOfVersion(row, this.#mac));
    }
  }
}

function evidenceOfVersion(row: VersionRow, mac: GrantMac): VersionEvidence {
  const isGenuine = row.version === null || hasGenuineMac(mac, versionGrants, row);
  return { ...row, isGenuine, isDestroyed: row.state === 'destroyed' };
}
