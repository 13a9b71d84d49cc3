import type { Revocation } from '../../vault/identity/ports.ts';
import { ApiKeyEntity, SessionEntity } from '../entities/identity.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { GrantGuard } from './grant-guard.ts';
import { apiKeyGrants } from './grant-tables.ts';
import type { ApiKeyRow } from './identity-rows.ts';

/** Revokes the personal keys of a user and ends their sessions. Keys that fail their MAC are void as they are. */
export async function revokeAll(
  guard: GrantGuard,
  transaction: Transaction,
  { userId, revokedAt }: { readonly userId: string; readonly revokedAt: Date },
): Promise<readonly Revocation[]> {
  const where = { userId, role: null, revokedAt: null };
  const rows = await transaction.find(ApiKeyEntity, { where, orderBy: { id: 'asc' }, lock: 'no key update' });
  const revoked = await revokeApiKeys(guard, transaction, { rows, revokedAt });
  const endings = revoked.map(
    ({ id }) => ({ action: 'api_keys.revoke', resourceKind: 'api_key', resourceId: id }) as const,
  );
  return [...endings, ...(await endSessions(transaction, { userId }))];
}

/**
 * Revokes those of the keys that are genuine, in one round trip, and signs their whole rows anew; a new MAC would make a row
 * valid that was tampered with. Keys that are revoked already keep their time.
 *
 * @returns the keys that were revoked
 */
export async function revokeApiKeys(
  guard: GrantGuard,
  transaction: Transaction,
  { rows, revokedAt }: { readonly rows: readonly ApiKeyRow[]; readonly revokedAt: Date },
): Promise<readonly ApiKeyRow[]> {
  const genuine = rows.filter((row) => guard.isGenuine(apiKeyGrants, row));
  await Promise.all(
    genuine.map((row) => {
      const changes = { revokedAt: row.revokedAt ?? revokedAt };
      const { mac } = guard.sign(apiKeyGrants, { ...row, ...changes });
      return transaction.update(ApiKeyEntity, { id: row.id }, { ...changes, mac });
    }),
  );
  return genuine;
}

/** Ends the sessions of a user, except one. */
export async function endSessions(
  transaction: Transaction,
  { userId, except = null }: { readonly userId: string; readonly except?: string | null },
): Promise<readonly Revocation[]> {
  const where = except === null ? { userId } : { userId, id: { $ne: except } };
  return (await transaction.delete(SessionEntity, where)).map(({ id }) => sessionRevocation(id));
}

/** The end of a session. */
export function sessionRevocation(resourceId: string): Revocation {
  return { action: 'sessions.logout', resourceKind: 'session', resourceId };
}

/**
 * SQL for those of some API keys and sessions that no longer authenticate anybody, as an array; null where all of them do. A
 * reveal evaluates it once a statement: each is looked up by its key, whatever the planner expects, since everything else that
 * is asked of a row is no condition.
 *
 * @param parameter whose value is an array of ids
 */
export function revokedIds(parameter: string): string {
  return `(
        select array_agg(q.id) from unnest(${parameter}::uuid[]) as q (id)
        where (select k.revoked_at is null and ${isActive('k')} from api_key k where k.id = q.id) is not true
          and (select ${isActive('s')} from session s where s.id = q.id) is not true
      )`;
}

/** Of one API key or session, as `revokedIds`. */
export function findRevokedId(id: string): Statement {
  return { name: 'revoked id', text: `select ${revokedIds('$1')} as "revokedIds"`, values: [[id]] };
}

function isActive(table: 'k' | 's'): string {
  return `(select u.deactivated_at is null from "user" u where u.id = ${table}.user_id)`;
}
