import type { ApiKey, Membership, Session, User } from '../../vault/identity/identity.ts';
import type { Workspace, WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';
import type { VersionState } from '../entities/credential.ts';
import { flag, instant, type GrantTable } from './grant-guard.ts';

type Nullable<Row> = { readonly [Key in keyof Row]: null extends Row[Key] ? Row[Key] | undefined : Row[Key] };

/** As the ORM gives rows: what is null may be undefined. */
type Read<Row> = Nullable<Row>;

/**
 * Who the user is, what they manage, where their calls go, and which password and which login authenticates them.
 *
 * The list is fixed, as those of all labels with a number: a column that is added later is appended in one object of names
 * and values, and only where one is set, so that no two rows have the same bytes and stored MACs stay valid.
 */
export const userGrants: GrantTable<Read<User> & { readonly logsInUnnamed: boolean }> = {
  name: 'user',
  label: 'user/2',
  fields: (user) => [
    user.id,
    user.name,
    flag(user.isOwner),
    user.defaultWorkspaceId,
    user.passwordHash ?? null,
    flag(user.logsInUnnamed),
    instant(user.deactivatedAt),
    instant(user.createdAt),
  ],
  id: (user) => user.id,
};

/** What a user may do in a workspace. */
export const membershipGrants: GrantTable<Membership & { readonly eventId?: string | null | undefined }> = {
  name: 'membership',
  label: 'membership',
  fields: (membership) => [
    membership.userId,
    membership.workspaceId,
    membership.role,
    flag(membership.mayReveal),
    // Only where there is one, so that rows keep their MACs that were written before there was such a column.
    ...(typeof membership.eventId === 'string' ? [membership.eventId] : []),
  ],
  id: ({ userId, workspaceId }) => `${userId}/${workspaceId}`,
};

/** What token authenticates the key, for which user it acts, what it may do with which credentials, and until when. */
export const apiKeyGrants: GrantTable<Read<ApiKey>> = {
  name: 'api_key',
  label: 'api_key/2',
  fields: (apiKey) => [
    apiKey.id,
    apiKey.workspaceId,
    apiKey.userId,
    apiKey.name,
    apiKey.hash,
    apiKey.prefix,
    apiKey.role ?? null,
    flag(apiKey.mayReveal),
    apiKey.dialect ?? null,
    JSON.stringify(apiKey.providers),
    JSON.stringify(apiKey.tags),
    JSON.stringify(apiKey.credentialIds),
    instant(apiKey.expiresAt),
    instant(apiKey.revokedAt),
    instant(apiKey.createdAt),
    // By name, and only where there are any, so that keys of earlier releases keep their MACs.
    ...(apiKey.subjects.length > 0 ? [JSON.stringify({ subjects: apiKey.subjects })] : []),
  ],
  id: (apiKey) => apiKey.id,
};

/** What token proves the session, whose it is, and until when. */
export const sessionGrants: GrantTable<Omit<Session, 'createdAt'>> = {
  name: 'session',
  label: 'session',
  fields: (session) => [session.id, session.userId, session.hash, instant(session.expiresAt)],
  id: (session) => session.id,
};

/** Which key seals in a workspace; the newest is the current one, so that its time counts as well. */
export const workspaceKeyGrants: GrantTable<WrappedWorkspaceKey> = {
  name: 'workspace_key',
  label: 'workspace_key',
  fields: (key) => [key.workspaceId, key.keyId, key.wrapped, key.masterFingerprint, instant(key.createdAt)],
  id: (key) => `${key.workspaceId}/${Buffer.from(key.keyId).toString('hex')}`,
};

/** When an owner sealed all servers, and how often that was done. */
export const sealGrants: GrantTable<{ readonly number: number; readonly sealedAt: Date }> = {
  name: 'seal',
  label: 'seal/1',
  fields: ({ number, sealedAt }) => [String(number), instant(sealedAt)],
  id: ({ number }) => String(number),
};

/** What the workspace is called, who created it, and whether it was deleted. What was purged of it is not covered. */
export const workspaceGrants: GrantTable<Workspace & { readonly deletedAt?: Date | null | undefined }> = {
  name: 'workspace',
  label: 'workspace/1',
  fields: (workspace) => [
    workspace.id,
    workspace.name,
    workspace.createdBy,
    instant(workspace.createdAt),
    instant(workspace.deletedAt),
  ],
  id: (workspace) => workspace.id,
};

/** A row of `credential_version` without its sealed bytes, which are bound to their place by the key that sealed them. */
export interface VersionRecord {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
  readonly state: VersionState;
  /** Null if it was destroyed. */
  readonly keyId: Uint8Array | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** Where a version belongs, its state, which key sealed it, who created it, and when. */
export const versionGrants: GrantTable<VersionRecord> = {
  name: 'credential_version',
  label: 'credential_version/1',
  fields: (version) => [
    version.workspaceId,
    version.credentialId,
    String(version.version),
    version.state,
    version.keyId,
    version.createdBy,
    instant(version.createdAt),
  ],
  id: ({ credentialId, version, workspaceId }) => `${workspaceId}/${credentialId}/${version}`,
};
