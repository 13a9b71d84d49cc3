import type { Revocation } from '../../vault/identity/ports.ts';
import { apiKeyOf, updateRevocation, type ApiKeyRow } from './access-rows.ts';
import type { GrantGuard } from './grant-guard.ts';
import { apiKeyGrants } from './grant-tables.ts';
import { combine } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { endSessions, lockPersonalKeys } from './user-statements.ts';

/** Revokes the personal keys of a user and ends his sessions; answers what ended. Keys that fail their MAC are void as they are. */
export async function revokeAll(
  guard: GrantGuard,
  transaction: Transaction,
  { userId, revokedAt }: { readonly userId: string; readonly revokedAt: Date },
): Promise<readonly Revocation[]> {
  const rows = await transaction.run<ApiKeyRow>(lockPersonalKeys(userId));
  const apiKeys = rows.filter((row) => guard.holds(apiKeyGrants, row)).map(apiKeyOf);
  for (const apiKey of apiKeys) await transaction.run(combine(updateRevocation(guard, { ...apiKey, revokedAt })));
  const sessions = await transaction.run<{ readonly id: string }>(endSessions(userId));
  return [
    ...apiKeys.map(({ id }) => ({ action: 'api_keys.revoke', resourceKind: 'api_key', resourceId: id }) as const),
    ...sessions.map(({ id }) => sessionRevocation(id)),
  ];
}

/** The end of a session. */
export function sessionRevocation(resourceId: string): Revocation {
  return { action: 'sessions.logout', resourceKind: 'session', resourceId };
}
