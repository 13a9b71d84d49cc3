import { isScoped } from '../../vault/key-scope.ts';
import type { ApiKey, User } from '../../vault/identity/identity.ts';
import { flag, instant, type GrantTable } from '../identity/grant-guard.ts';

type FormerUser = Pick<User, 'id' | 'isOwner' | 'defaultWorkspaceId'> & {
  readonly passwordHash?: string | null | undefined;
  readonly deactivatedAt?: Date | null | undefined;
};

/** The format of users before their names were signed. Used only by the upgrade. */
export const formerUserGrants: GrantTable<FormerUser> = {
  name: 'user',
  label: 'user',
  fields: (user) => [
    user.id,
    flag(user.isOwner),
    user.defaultWorkspaceId,
    user.passwordHash ?? null,
    ...(user.deactivatedAt ? [instant(user.deactivatedAt)] : []),
  ],
  id: (user) => user.id,
};

type FormerApiKey = Pick<
  ApiKey,
  'id' | 'workspaceId' | 'userId' | 'hash' | 'mayReveal' | 'providers' | 'tags' | 'credentialIds' | 'subjects'
> & {
  readonly role?: ApiKey['role'] | undefined;
  readonly dialect?: string | null | undefined;
  readonly expiresAt?: Date | null | undefined;
  readonly revokedAt?: Date | null | undefined;
};

/** The format of API keys before their names were signed. Used only by the upgrade. */
export const formerApiKeyGrants: GrantTable<FormerApiKey> = {
  name: 'api_key',
  label: 'api_key',
  fields: (apiKey) => [
    apiKey.id,
    apiKey.workspaceId,
    apiKey.userId,
    apiKey.hash,
    apiKey.role ?? null,
    flag(apiKey.mayReveal),
    apiKey.dialect ?? null,
    instant(apiKey.expiresAt),
    instant(apiKey.revokedAt),
    // Such a row has no subjects: one that has does not match its MAC.
    ...(isScoped(apiKey) ? [JSON.stringify([apiKey.providers, apiKey.tags, apiKey.credentialIds])] : []),
    ...(apiKey.subjects.length > 0 ? [JSON.stringify(apiKey.subjects)] : []),
  ],
  id: (apiKey) => apiKey.id,
};
