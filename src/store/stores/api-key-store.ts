import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { parseCertificateName, type ApiKey, type UsedApiKey, type User } from '../../vault/identity/identity.ts';
import { VaultError } from '../../vault/errors.ts';
import type { ApiKeyStore } from '../../vault/identity/ports.ts';
import type { Usage } from '../../vault/usage/usage-recorder.ts';
import {
  apiKeyOf,
  apiKeyProperties,
  insertAbsentUser,
  insertApiKey,
  updateRevocation,
  type ApiKeyRow,
} from '../identity/access-rows.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { DatabaseFailure } from '../postgres/connect/database-failure.ts';
import { readableTime } from '../postgres/statements/column-readers.ts';
import type { Database } from '../postgres/database.ts';
import { ApiKeyEntity } from '../entities/identity.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { apiKeyGrants } from '../identity/grant-tables.ts';
import { requireWorkspace } from '../workspaces/require-workspace.ts';
import { selectList, combine, type Statement } from '../postgres/statements/statement.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';

/** API keys in PostgreSQL, without their tokens. */
export class SqlApiKeyStore implements ApiKeyStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  async createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User): Promise<void> {
    const added = user ? [insertAbsentUser(this.#guard, user)] : [];
    const isNamed = isCertificates(apiKey);
    try {
      const isDone = await this.#commits.run({}, async (transaction) => {
        const holders = isNamed ? transaction.run(findUnrevokedKey(apiKey.hash)) : [];
        await requireWorkspace(transaction, apiKey.workspaceId);
        if ((await holders).length > 0) return { answer: false, events: [] };
        await transaction.run(combine(insertApiKey(this.#guard, apiKey), ...added));
        return { answer: true, events: [event] };
      });
      if (!isDone) throw nameTaken();
    } catch (error) {
      // Another process may have added it since it was looked for.
      throw isTaken(error) && isNamed ? nameTaken() : error;
    }
  }

  async findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<UsedApiKey | undefined> {
    const [row] = await this.#database.find({ signal }, ApiKeyEntity, { where: { workspaceId, id } });
    return row && this.#guard.holds(apiKeyGrants, row) ? usedApiKeyOf(row) : undefined;
  }

  async listApiKeys({
    workspaceId,
    after,
    shows,
    size,
    signal,
  }: Parameters<ApiKeyStore['listApiKeys']>[0]): Promise<readonly UsedApiKey[]> {
    return readCheckedPage({
      size,
      after,
      read: (last, limit) => {
        const where = { workspaceId, ...(last !== undefined && { id: { $gt: last } }) };
        return this.#database.find({ signal }, ApiKeyEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => {
        const apiKey = this.#guard.holds(apiKeyGrants, row) ? usedApiKeyOf(row) : undefined;
        return apiKey && shows(apiKey) ? apiKey : undefined;
      },
    });
  }

  async revokeApiKey({
    workspaceId,
    id,
    revokedAt,
    event,
  }: Parameters<ApiKeyStore['revokeApiKey']>[0]): Promise<boolean> {
    return this.#commits.run<boolean>({}, async (transaction) => {
      const [row] = await transaction.run<ApiKeyRow>(lockApiKey(workspaceId, id));
      // A new MAC would make a row valid that was tampered with.
      if (!row || !this.#guard.holds(apiKeyGrants, row)) return { answer: false, events: [] };
      const apiKey = apiKeyOf(row);
      const revoked = { ...apiKey, revokedAt: apiKey.revokedAt ?? revokedAt };
      await transaction.run(combine(updateRevocation(this.#guard, revoked)));
      return { answer: true, events: [event] };
    });
  }

  async recordUses(uses: readonly Pick<Usage, 'id' | 'lastUsedAt'>[]): Promise<void> {
    if (uses.length > 0) await this.#database.query(addKeyUses(uses));
  }
}

function usedApiKeyOf(row: InferEntity<typeof ApiKeyEntity>): UsedApiKey {
  return { ...apiKeyOf(row), lastUsedAt: readableTime(row.lastUsedAt) };
}

function isTaken(error: unknown): boolean {
  return error instanceof DatabaseFailure && error.constraint === 'api_key_hash_unique';
}

/** Tokens that are equal would be a bug; of certificates the operator decides which names there are. */
function isCertificates({ prefix }: ApiKey): boolean {
  return parseCertificateName(prefix) !== undefined;
}

/** Which key has the name, and where, is left open: it may be in a workspace that the issuer may not look into. */
function nameTaken(): VaultError {
  const details = { resource: 'api_key', field: 'certificate_san' };
  return new VaultError('name_taken', 'another key has the name in this certificate', details);
}

/** A row where a key that was not revoked is proved by a hash. */
function findUnrevokedKey(hash: Uint8Array): Statement {
  const text = 'select 1 from api_key k where k.hash = $1 and k.revoked_at is null';
  return { name: 'unrevoked key', text, values: [hash] };
}

function lockApiKey(workspaceId: string, id: string): Statement {
  return {
    name: 'api key, locked',
    text:
      `select ${selectList('k', apiKeyProperties)} from api_key k` +
      ' where k.workspace_id = $1 and k.id = $2 for no key update',
    values: [workspaceId, id],
  };
}

/** The rows are locked in the order of their ids, so that processes wait for one another instead of deadlocking. */
function addKeyUses(uses: readonly Pick<Usage, 'id' | 'lastUsedAt'>[]): Statement {
  return {
    name: 'add key uses',
    text: `
      with used as (
        select * from unnest($1::uuid[], $2::timestamptz[]) as u (id, last_used_at) order by id
      ), locked as (
        select used.*
        from used cross join lateral (
          select from api_key k where k.id = used.id offset 0 for no key update
        ) f
      )
      update api_key k set last_used_at = locked.last_used_at
      from locked
      where k.id = locked.id and (k.last_used_at is null or k.last_used_at < locked.last_used_at)`,
    values: [uses.map(({ id }) => id), uses.map(({ lastUsedAt }) => lastUsedAt)],
  };
}
