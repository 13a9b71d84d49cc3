import { VaultError } from './errors.ts';
import { parseReference, refersTo, type Reference } from './ids.ts';
import { isWithin, type KeyScope, type ScopedRecord } from './key-scope.ts';
import { includesRole, permits, type Permission, type Role } from './permissions.ts';

/** What a caller may do in one workspace. */
export interface Grant {
  readonly workspaceId: string;
  readonly role: Role;
  /** False for an editor or admin without the right to reveal secrets. */
  readonly mayReveal: boolean;
  /** The credentials that the grant is for; all of the workspace where absent. */
  readonly keyScope?: KeyScope;
}

/** An authenticated caller. */
export interface Caller {
  readonly kind: 'user' | 'api_key';
  /** The id of the user or of the API key. */
  readonly id: string;
  readonly name: string;
  /** The user on whose behalf things are created: the caller, or the issuer of the API key. */
  readonly userId: string;
  readonly authentication: 'api_key' | 'session' | 'oidc' | 'client_certificate';
  /** The session that the caller was authenticated by, if any. */
  readonly sessionId: string | null;
  /** When the API key expires; null for a key that does not expire, and for users. */
  readonly expiresAt: Date | null;
  /** Whether the caller administers the instance. This by itself does not grant access to secrets. */
  readonly isOwner: boolean;
  /** The workspace of calls that name none. */
  readonly defaultWorkspaceId: string;
  readonly grants: readonly Grant[];
  /** The dialect that the API key was issued for, which then answers on paths that several dialects share. */
  readonly dialect: string | null;
}

/** One authenticated call, for authorization and for the audit trail. */
export interface Call {
  readonly caller: Caller;
  /** The workspace that the call acts in: the caller has a grant in it, which may not be sufficient. */
  readonly workspaceId: string;
  readonly protocol: string;
  readonly dialect: string;
  /** The address of the peer. */
  readonly peer: string;
  readonly requestId: string;
  /** Aborted when the deadline passes or the client disconnects. */
  readonly signal: AbortSignal;
}

declare const authorizedFor: unique symbol;

/** A call that `authorize` has accepted for a permission. It exists for the compiler only; at run time it is the call. */
export interface Authorized<P extends Permission> extends Call {
  readonly [authorizedFor]: (permission: P) => void;
}

/** A call that needs no authentication; `caller` is present if a valid token came with it. */
export interface AnonymousCall extends Omit<Call, 'caller' | 'workspaceId'> {
  readonly caller: Caller | undefined;
  /** Whether the peer is on this machine, without a proxy and without a foreign origin between. */
  readonly isLocal: boolean;
}

/** The part of a call that grants depend on. */
type Acting = Pick<Call, 'caller' | 'workspaceId'>;

/**
 * Finds the workspace that a caller names among those in which the caller has a grant, without a query: an unknown workspace
 * and one of others get the same answer in the same time.
 *
 * @param text a UUID, a `WSP-…` id, or `default`
 * @param permission that the call needs there, for the event of a denial
 * @throws VaultError `workspace_denied`
 */
export function resolveWorkspace(caller: Caller, text: string, permission?: Permission): string {
  const reference = workspaceReferenceOf(caller, text);
  const grant = reference && caller.grants.find(({ workspaceId }) => refersTo(reference, workspaceId));
  if (!grant) throw workspaceDenied(text, permission);
  return grant.workspaceId;
}

function workspaceReferenceOf(caller: Caller, text: string): Reference | undefined {
  return text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
}

/** The caller's grant in the call's workspace, if any. */
export function grantOf({ caller, workspaceId }: Acting): Grant | undefined {
  return caller.grants.find((grant) => grant.workspaceId === workspaceId);
}

/**
 * Requires that the caller has a permission in the call's workspace. Functions that act for the caller take an `Authorized`
 * call, so that a call without this check does not compile.
 *
 * @throws VaultError `workspace_denied` without any grant in the workspace, `permission_denied` if the role is too low
 */
export function authorize<C extends Call, P extends Permission>(
  call: C,
  permission: P,
): asserts call is C & Authorized<P> {
  requireGrant(call.caller, call.workspaceId, permission);
}

/** As `authorize`, before there is a call; returns the grant. */
export function requireGrant(caller: Caller, workspaceId: string, permission: Permission): Grant {
  const grant = caller.grants.find((candidate) => candidate.workspaceId === workspaceId);
  if (!grant) throw workspaceDenied(workspaceId, permission);
  if (!permits(grant, permission)) throw permissionDenied(permission, workspaceId);
  return grant;
}

/**
 * Finds the workspace that a caller names, as `resolveWorkspace`, and requires a permission in it. Without a grant in it, whether
 * it exists or not, the refusal is that of a caller whose role is too low: for calls whose clients take `not_found` for a deletion.
 *
 * @throws VaultError `permission_denied`
 */
export function requireGrantIn(caller: Caller, text: string, permission: Permission): Grant {
  const reference = workspaceReferenceOf(caller, text);
  const grant = reference && caller.grants.find(({ workspaceId }) => refersTo(reference, workspaceId));
  if (!grant || !permits(grant, permission)) throw permissionDenied(permission, grant?.workspaceId ?? text);
  return grant;
}

/** Whether the caller may reveal secrets in the call's workspace. */
export function mayReveal(call: Acting): boolean {
  const grant = grantOf(call);
  return grant !== undefined && permits(grant, 'secrets.reveal');
}

/**
 * Requires that the caller has a permission in at least one workspace: the early check, before the request names its workspace.
 *
 * @throws VaultError `permission_denied`
 */
export function authorizeSomewhere(caller: Caller, permission: Permission): void {
  if (!caller.grants.some((grant) => permits(grant, permission))) throw permissionDenied(permission);
}

/**
 * Requires an owner of the instance.
 *
 * @throws VaultError `permission_denied`
 */
export function authorizeOwner(caller: Caller, permission: Permission): void {
  if (!caller.isOwner) throw permissionDenied(permission);
}

/**
 * Requires that a caller grants no more than their own grant includes.
 *
 * @param what is granted it, for the message: `a key`
 * @throws VaultError `permission_denied`
 */
export function checkGranting(issuer: Grant, granted: Pick<Grant, 'role' | 'mayReveal'>, what: string): void {
  if (includesRole(issuer.role, granted.role) && (issuer.mayReveal || !granted.mayReveal)) return;
  throw new VaultError('permission_denied', `${what} cannot be granted more than its issuer has`, { field: 'role' });
}

/** The scope of the caller's API key in the call's workspace, as a condition of a list. */
export function keyScopeOfCall(call: Acting): Pick<Grant, 'keyScope'> {
  const keyScope = grantOf(call)?.keyScope;
  return keyScope ? { keyScope } : {};
}

/** Whether a credential of the call's workspace is within the scope of the caller's key. */
export function isVisible(call: Acting, credential: ScopedRecord): boolean {
  const keyScope = grantOf(call)?.keyScope;
  return keyScope === undefined || isWithin(keyScope, credential);
}

/**
 * Requires that a new or changed credential stays within the scope of the caller's key.
 *
 * @throws VaultError `permission_denied`
 */
export function checkVisible(call: Acting, credential: ScopedRecord): void {
  if (!isVisible(call, credential)) throw outOfScope('credentials.write', call.workspaceId);
}

/** The refusal for what is outside of the scope of the caller's key, where it must not be taken for absent. */
export function outOfScope(permission: Permission, workspace: string): VaultError {
  const details = { reason: 'KEY_NARROWED', permission, workspace } as const;
  return new VaultError('permission_denied', 'this key is not for such credentials', details);
}

function workspaceDenied(workspace: string, permission?: Permission): VaultError {
  const details = { resource: 'workspace', workspace, ...(permission !== undefined && { permission }) };
  return new VaultError('workspace_denied', 'Workspace access denied', details);
}

/** The refusal for a caller without a permission. */
export function permissionDenied(permission: Permission, workspace?: string): VaultError {
  const details = { permission, ...(workspace !== undefined && { workspace }) };
  return new VaultError('permission_denied', `permission ${permission} is needed`, details);
}
