import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { parseCertificateName, type ApiKey, type UsedApiKey, type User } from '../../vault/identity/identity.ts';
import { VaultError } from '../../vault/errors.ts';
import type { ApiKeyStore } from '../../vault/identity/ports.ts';
import { keepingOf } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { Usage } from '../../vault/usage/usage-recorder.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { ApiKeyEntity, UserEntity } from '../entities/identity.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { apiKeyGrants } from '../identity/grant-tables.ts';
import { apiKeyOf, newApiKeyRow, newUserRow } from '../identity/identity-rows.ts';
import { revokeApiKeys } from '../identity/revocation.ts';
import { DatabaseFailure } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { readableTime } from '../postgres/statements/column-readers.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { requireWorkspace } from '../workspaces/workspace-rows.ts';
import { isAfterId } from '../postgres/statements/entity-query.ts';
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

  async createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User, keeping?: Keeping<ApiKey>): Promise<void> {
    const { hash, prefix, workspaceId } = apiKey;
    // Equal hashes of tokens would be a fault; names in certificates are chosen by the operator.
    const isOfCertificate = parseCertificateName(prefix) !== undefined;
    try {
      const create = async (transaction: Transaction): Promise<CommitResult<boolean>> => {
        const criteria = { where: { hash, revokedAt: null }, limit: 1 };
        const [holders] = await Promise.all([
          isOfCertificate ? transaction.find(ApiKeyEntity, criteria) : [],
          requireWorkspace(transaction, workspaceId),
        ]);
        if (holders.length > 0) return { answer: false, events: [] };
        if (user) {
          await transaction.insertUnless(UserEntity, '(id)', newUserRow(this.#guard, user, { logsInUnnamed: true }));
        }
        await transaction.insert(ApiKeyEntity, newApiKeyRow(this.#guard, apiKey));
        return { answer: true, events: [event] };
      };
      const ofOutcome = keepingOf({ keeping }, (isAdded: boolean) => (isAdded ? apiKey : undefined));
      const isDone = await this.#commits.run({}, create, ofOutcome);
      if (!isDone) throw nameTaken();
    } catch (error) {
      // Another process may have added it since it was looked for.
      throw isHashTaken(error) && isOfCertificate ? nameTaken() : error;
    }
  }

  async findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<UsedApiKey | undefined> {
    const [row] = await this.#database.find({ signal }, ApiKeyEntity, { where: { workspaceId, id } });
    return row && this.#guard.isGenuine(apiKeyGrants, row) ? usedApiKeyOf(row) : undefined;
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
        const where = { workspaceId, ...isAfterId(last) };
        return this.#database.find({ signal }, ApiKeyEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => {
        const apiKey = this.#guard.isGenuine(apiKeyGrants, row) ? usedApiKeyOf(row) : undefined;
        return apiKey && shows(apiKey) ? apiKey : undefined;
      },
    });
  }

  async revokeApiKey(
    { workspaceId, id, revokedAt, event }: Parameters<ApiKeyStore['revokeApiKey']>[0],
    keeping?: Keeping<boolean>,
  ): Promise<boolean> {
    const revoke = async (transaction: Transaction): Promise<CommitResult<boolean>> => {
      const rows = await transaction.find(ApiKeyEntity, { where: { workspaceId, id }, lock: 'no key update' });
      const revoked = await revokeApiKeys(this.#guard, transaction, { rows, revokedAt });
      return revoked.length > 0 ? { answer: true, events: [event] } : { answer: false, events: [] };
    };
    return this.#commits.run({}, revoke, keeping);
  }

  async recordUses(uses: readonly Pick<Usage, 'id' | 'lastUsedAt'>[]): Promise<void> {
    if (uses.length > 0) await this.#database.query(addKeyUses(uses));
  }
}

function usedApiKeyOf(row: InferEntity<typeof ApiKeyEntity>): UsedApiKey {
  return { ...apiKeyOf(row), lastUsedAt: readableTime(row.lastUsedAt) };
}

function isHashTaken(error: unknown): boolean {
  return error instanceof DatabaseFailure && error.constraint === 'api_key_hash_unique';
}

/** Which key has the name, and where, is left open: it may be in a workspace that the issuer may not look into. */
function nameTaken(): VaultError {
  const details = { resource: 'api_key', field: 'certificate_san' };
  return new VaultError('name_taken', 'another key has the name in this certificate', details);
}

/**
 * Records uses in one statement, which the query builder cannot express. Rows are locked in the order of their ids, so that
 * processes wait for one another instead of deadlocking.
 */
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
