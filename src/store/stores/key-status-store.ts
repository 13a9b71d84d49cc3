import type {
  KeyStatusStore,
  ListedKey,
  RotationProgress,
  WorkspaceKeyRecord,
} from '../../vault/workspaces/rotation-ports.ts';
import { WorkspaceEntity } from '../entities/workspace.ts';
import type { Database } from '../postgres/database.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { countByKey, listKeys } from '../workspaces/rotation-statements.ts';

/** How many workspaces' keys are read in one statement. */
const workspacesAtATime = 500;

/** The state of the keys in PostgreSQL. */
export class SqlKeyStatusStore implements KeyStatusStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async listKeys({
    after,
    signal,
    size,
    workspaceId,
  }: Parameters<KeyStatusStore['listKeys']>[0]): Promise<readonly WorkspaceKeyRecord[]> {
    const read = async (workspaces: readonly string[], limit: number) => {
      const [rows = []] = await this.#database.read<WorkspaceKeyRecord>({ workspaces, signal }, [
        listKeys(workspaces, after, limit),
      ]);
      return rows;
    };
    if (workspaceId !== undefined) return read([workspaceId], size);
    const keys: WorkspaceKeyRecord[] = [];
    for (let from = await this.#workspacesFrom(after, signal); from.length > 0;) {
      keys.push(...(await read(from, size - keys.length)));
      if (keys.length === size || from.length < workspacesAtATime) break;
      from = await this.#workspacesAfter(from.at(-1), signal);
    }
    return keys;
  }

  async countVersions(workspaceId: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const scope = { workspaces: [workspaceId], signal };
    const database = this.#database.forLongWork();
    const [rows = []] = await database.read<{ readonly keyId: string; readonly count: number }>(scope, [
      countByKey(workspaceId),
    ]);
    return new Map(rows.map(({ keyId, count }) => [keyId, count]));
  }

  async findProgress(workspaceId: string | undefined, signal?: AbortSignal): Promise<RotationProgress | undefined> {
    const statement = workspaceId === undefined ? progressOfAll : progressOf(workspaceId);
    const [progress] = await this.#database.query<RotationProgress>(statement, signal);
    return progress;
  }

  async #workspacesFrom(after: ListedKey | undefined, signal: AbortSignal): Promise<readonly string[]> {
    const following = await this.#workspacesAfter(after?.workspaceId, signal);
    return after ? [after.workspaceId, ...following.slice(0, workspacesAtATime - 1)] : following;
  }

  async #workspacesAfter(id: string | undefined, signal: AbortSignal): Promise<readonly string[]> {
    const where = { deletedAt: null, ...(id !== undefined && { id: { $gt: id } }) };
    const criteria = { where, orderBy: { id: 'asc' }, limit: workspacesAtATime } as const;
    return (await this.#database.find({ signal }, WorkspaceEntity, criteria)).map((workspace) => workspace.id);
  }
}

/** One row for all retiring keys of `r`, and none if there is none. */
const summary = `
  select case when bool_and(r.ended_at is not null) then 'DONE'
      when bool_or(r.ended_at is null and r.unreadable > 0 and r.after_credential is null) then 'BLOCKED'
      else 'RUNNING' end as state,
    sum(r.done)::int as done, case when bool_and(r.total is not null) then sum(r.total)::int end as total,
    sum(r.unreadable)::int as unreadable, sum(r.versions_per_second)::float8 as "versionsPerSecond",
    min(r.started_at) as "startedAt", max(r.updated_at) as "updatedAt"
  from key_rotation r`;

/** The progress of the last rotation of a workspace. */
function progressOf(workspaceId: string): Statement {
  return {
    name: 'progress of a rotation',
    text: `${summary}
      where r.workspace_id = $1 and r.started_at = (
        select max(l.started_at) from key_rotation l where l.workspace_id = $1
      ) having count(*) > 0`,
    values: [workspaceId],
  };
}

/** The progress of all rotations that are under way. */
const progressOfAll: Statement = {
  name: 'progress of rotations',
  text: `${summary} where r.ended_at is null having count(*) > 0`,
  values: [],
};
