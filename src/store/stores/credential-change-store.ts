import {
  isChangeAction,
  type ChangedCredential,
  type ChangeRequest,
  type CredentialChangeStore,
  type ReachedEvent,
  type ResumedPosition,
} from '../../vault/credentials/change-events.ts';
import { parseId, uuidV7 } from '../../vault/ids.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { isWithin, type KeyScope, type ScopedRecord } from '../../vault/key-scope.ts';
import { ScopeMarks } from '../credentials/scope-marks.ts';
import type { Database } from '../postgres/database.ts';
import { findChanges, findMissing, findPositions, findReached, findScopedRecords } from '../trail/change-statements.ts';

/** A row of `findChanges`. */
interface ChangeRow extends Pick<ChangedCredential, 'eventId' | 'stream' | 'sequence' | 'time' | 'formerScope'> {
  readonly action: string;
  readonly credentialId: string | null;
  /** `revision.version.mac`, unless the row was tampered with. */
  readonly state: string | null;
  readonly days: number | null;
}

/** Reads the changes of credentials from the audit trail. */
export class SqlCredentialChangeStore implements CredentialChangeStore {
  readonly #database: Database;
  readonly #marks: ScopeMarks;

  constructor(database: Database, mac: GrantMac) {
    this.#database = database;
    this.#marks = new ScopeMarks(mac);
  }

  async readChanges(request: ChangeRequest): Promise<readonly ChangedCredential[]> {
    const rows = await this.#database.query<ChangeRow>(findChanges(request), request.signal);
    return rows.flatMap((row) => changeOf(row) ?? []);
  }

  async readReached({
    workspaceId,
    after,
    signal,
  }: Parameters<CredentialChangeStore['readReached']>[0]): Promise<readonly ReachedEvent[]> {
    return this.#database.query<ReachedEvent>(findReached(workspaceId, after), signal);
  }

  async resume(
    position: ResumedPosition,
    { since, signal }: { readonly since: Date; readonly signal: AbortSignal },
  ): Promise<readonly ReachedEvent[] | undefined> {
    const sinceId = uuidV7(Math.max(0, since.getTime()), new Uint8Array(10));
    const [found] = await this.#database.query<{ readonly isMissing: boolean | null }>(
      findMissing(position, since, sinceId),
      signal,
    );
    if (found?.isMissing === true) return undefined;
    const reached = await this.#database.query<ReachedEvent>(findPositions(position), signal);
    return reached.length === position.sequences.size ? reached : undefined;
  }

  async findWithin({
    workspaceId,
    ids,
    keyScope,
    signal,
  }: Parameters<CredentialChangeStore['findWithin']>[0]): Promise<ReadonlySet<string>> {
    const statement = findScopedRecords(workspaceId, ids.filter(isUuid));
    const [rows = []] = await this.#database.read<ScopedRecord>({ workspaces: [workspaceId], signal }, [statement]);
    return new Set(rows.filter((record) => isWithin(keyScope, record)).map(({ id }) => id));
  }

  leftScope({ credentialId, formerScope }: ChangedCredential, keyScope: KeyScope): boolean {
    return formerScope !== null && this.#marks.isWithin(keyScope, credentialId, formerScope);
  }
}

function changeOf({ action, credentialId, days, state, ...row }: ChangeRow): ChangedCredential | undefined {
  if (!isChangeAction(action)) return undefined;
  const [, revision = '0', version = '0'] = /^([0-9]{1,9})[.]([0-9]{1,9})[.]/.exec(state ?? '') ?? [];
  return {
    ...row,
    action,
    credentialId: credentialId ?? '',
    revision: Number(revision),
    currentVersion: Number(version),
    days: days ?? 0,
  };
}

/** The id of a tampered event may be any text. */
function isUuid(text: string): boolean {
  return parseId(text) === text;
}
