import { VaultError } from './errors.ts';
import { parseReference, refersTo } from './ids.ts';
import type { KeyScope } from './key-scope.ts';
import { includesRole, permits, type Permission, type Role } from './permissions.ts';

/** What a caller may do in one workspace. */
export interface Grant {
  readonly workspaceId: string;
  readonly role: Role;
  /** False for an editor that was issued without the right to reveal. */
  readonly mayReveal: boolean;
  /** Only these credentials, and nothing but them; all where absent. */
  readonly keyScope?: KeyScope;
}

/** What a key scope is compared with: a credential. */
export interface ScopedRecord {
  readonly id: string;
  readonly provider: string;
  readonly tags: readonly string[];
}

/** Who is calling, as proved by a token or a certificate. */
export interface Caller {
  readonly kind: 'user' | 'api_key';
  /** The id of the user or of the API key. */
  readonly id: string;
  readonly name: string;
  /** The user on whose behalf things are created: himself, or the one who issued the API key. */
  readonly userId: string;
  readonly authentication: 'api_key' | 'session' | 'oidc' | 'client_certificate';
  /** The session that was proved by, if any. */
  readonly sessionId: string | null;
  /** When the API key ends that was proved by; null where it has no end, and where a user was proved. */
  readonly expiresAt: Date | null;
  /** Manages the instance; reads no secret of a workspace in which it has no grant. */
  readonly isOwner: boolean;
  /** Where calls go that name no workspace. */
  readonly defaultWorkspaceId: string;
  readonly grants: readonly Grant[];
  /** The dialect that the API key was issued for, which then answers paths shared by several. */
  readonly dialect: string | null;
}

/** One authenticated call, for authorization and for the audit trail. */
export interface Call {
  readonly caller: Caller;
  /** The workspace that the call acts in: one that the caller was resolved to, though not yet authorized for. */
  readonly workspaceId: string;
  readonly protocol: string;
  readonly dialect: string;
  /** The address of the peer. */
  readonly peer: string;
  readonly requestId: string;
  /** Aborted when the deadline passes or the client goes away. */
  readonly signal: AbortSignal;
}

/** A call that anybody may make; `caller` is there where a valid token came with it. */
export interface AnonymousCall extends Omit<Call, 'caller' | 'workspaceId'> {
  readonly caller: Caller | undefined;
  /** The peer is on this machine, and neither a proxy nor a foreign origin stands between. */
  readonly isLocal: boolean;
}

/**
 * Finds the workspace that a caller means, among those that it has a grant in, without asking the database: an unknown
 * workspace and a foreign one are answered alike, and in the same time.
 *
 * @param text a UUID, a `WSP-…` id, or `default`
 * @throws VaultError `workspace_denied`
 */
export function resolveWorkspace(caller: Caller, text: string): string {
  const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
  const grant = reference && caller.grants.find(({ workspaceId }) => refersTo(reference, workspaceId));
  if (!grant) throw workspaceDenied(text);
  return grant.workspaceId;
}

/**
 * Lets a call pass whose caller has the permission in the workspace, and answers what he has there.
 *
 * @throws VaultError `workspace_denied` without any grant there, `permission_denied` where the role is too low
 */
export function authorize(caller: Caller, workspaceId: string, permission: Permission): Grant {
  const grant = caller.grants.find((candidate) => candidate.workspaceId === workspaceId);
  if (!grant) throw workspaceDenied(workspaceId);
  if (!permits(grant, permission)) throw permissionDenied(permission, workspaceId);
  return grant;
}

/** Whether the caller of a call may reveal secrets in its workspace. */
export function mayReveal({ caller, workspaceId }: Pick<Call, 'caller' | 'workspaceId'>): boolean {
  const grant = caller.grants.find((candidate) => candidate.workspaceId === workspaceId);
  return grant !== undefined && permits(grant, 'secrets.reveal');
}

/**
 * Refuses a call early, before it is known which workspace it names, whose caller has the permission in none at all.
 *
 * @throws VaultError `permission_denied`
 */
export function authorizeSomewhere(caller: Caller, permission: Permission): void {
  if (!caller.grants.some((grant) => permits(grant, permission))) throw permissionDenied(permission);
}

/**
 * Lets a call pass that manages the instance.
 *
 * @throws VaultError `permission_denied`
 */
export function authorizeOwner(caller: Caller, permission: Permission): void {
  if (!caller.isOwner) throw permissionDenied(permission);
}

/**
 * Lets nobody grant more than he has himself.
 *
 * @param what is granted it, as the refusal names it: `a key`
 * @throws VaultError `permission_denied`
 */
export function checkGranting(issuer: Grant, granted: Pick<Grant, 'role' | 'mayReveal'>, what: string): void {
  if (includesRole(issuer.role, granted.role) && (issuer.mayReveal || !granted.mayReveal)) return;
  throw new VaultError('permission_denied', `${what} can not be granted more than its issuer has`, { field: 'role' });
}

function workspaceDenied(workspace: string): VaultError {
  return new VaultError('workspace_denied', 'Workspace access denied', { resource: 'workspace', workspace });
}

function permissionDenied(permission: Permission, workspace?: string): VaultError {
  const details = { permission, ...(workspace !== undefined && { workspace }) };
  return new VaultError('permission_denied', `permission ${permission} is needed`, details);
}

/** What limits the caller in the workspace of his call; for the conditions of a list. */
export function keyScopeOfCall({ caller, workspaceId }: Pick<Call, 'caller' | 'workspaceId'>): Pick<Grant, 'keyScope'> {
  const keyScope = caller.grants.find((grant) => grant.workspaceId === workspaceId)?.keyScope;
  return keyScope ? { keyScope } : {};
}

/** Tells whether the caller may know of a credential of the call's workspace. */
export function isVisible(call: Pick<Call, 'caller' | 'workspaceId'>, credential: ScopedRecord): boolean {
  const { keyScope } = keyScopeOfCall(call);
  if (!keyScope) return true;
  const { providers, tags, credentialIds } = keyScope;
  return (
    (providers.length === 0 || providers.includes(credential.provider)) &&
    (tags.length === 0 || credential.tags.some((tag) => tags.includes(tag))) &&
    (credentialIds.length === 0 || credentialIds.includes(credential.id))
  );
}

/**
 * Lets nobody make or leave a credential that he then may not know of.
 *
 * @throws VaultError `permission_denied`
 */
export function checkVisible(call: Call, credential: ScopedRecord): void {
  if (isVisible(call, credential)) return;
  throw new VaultError('permission_denied', 'this key is not for such credentials', { reason: 'KEY_NARROWED' });
}
