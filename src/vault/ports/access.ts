import type { AuditEvent } from '../audit-event.ts';
import type { Reference } from '../ids.ts';
import type { Narrowing } from '../narrowing.ts';
import type { Role } from '../permissions.ts';
import type { WrappedWorkspaceKey } from './keys.ts';

/** A tenant. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** A person who may log in, or in whose name API keys act. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly isOwner: boolean;
  readonly defaultWorkspaceId: string;
  /** In PHC string format; null where no password was ever set, and a `withdrawnPassword` where it was withdrawn. */
  readonly passwordHash: string | null;
  /** From when on he neither logs in nor calls; null while he may. */
  readonly deactivatedAt: Date | null;
  readonly createdAt: Date;
}

/** That a user belongs to a workspace, and what he may do there. */
export interface Membership {
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** An API key without its token. */
export interface ApiKey extends Narrowing {
  readonly id: string;
  /** Where it is valid; for a personal key, where its calls go by default. */
  readonly workspaceId: string;
  /** Who issued it, and in whose name it acts. */
  readonly userId: string;
  readonly name: string;
  /** SHA-256 of the token, or of the name in the certificate that proves it. */
  readonly hash: Uint8Array;
  /** The first characters of the token, for recognising it; or that name, such as `URI:spiffe://…`. */
  readonly prefix: string;
  /** Null for a personal key, which may do what its user may. */
  readonly role: Role | null;
  readonly mayReveal: boolean;
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly createdAt: Date;
}

/** An API key, and when it last proved a caller, to about a second; null while it never has. */
export interface UsedApiKey extends ApiKey {
  readonly lastUsedAt: Date | null;
}

/** That an API key has proved a caller. */
export interface ApiKeyUse {
  readonly id: string;
  readonly lastUsedAt: Date;
}

/** A login session without its token. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** A user with all that he may do. */
export interface UserAccess {
  readonly user: User;
  readonly memberships: readonly Membership[];
}

/**
 * Finds by what proves a caller. Rows whose MAC is wrong are treated as absent, and reported to the log.
 */
export interface AccessStore {
  /** The key, and the access of the user in whose name it acts. Of several, a living one; only certificates' names recur. */
  findApiKey(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly apiKey: ApiKey; readonly access: UserAccess } | undefined>;
  findSession(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly session: Session; readonly access: UserAccess } | undefined>;
}

/** What came of deleting a workspace; `default` is the instance's own, which stays. */
export type WorkspaceDeletion = 'done' | 'absent' | 'default';

/** Keeps workspaces. To all who ask, deleted ones are absent. */
export interface WorkspaceStore {
  /** In one transaction. */
  createWorkspace(creation: {
    readonly workspace: Workspace;
    readonly key: WrappedWorkspaceKey;
    readonly maker: Membership;
    readonly event: AuditEvent;
  }): Promise<void>;
  findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined>;
  /** In the order of creation; `among` limits them to these ids. */
  listWorkspaces(request: {
    readonly among?: readonly string[];
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Workspace[]>;
  /**
   * Destroys the keys of a workspace, revokes its API keys and ends its memberships, in one transaction. Users whose default
   * workspace it was get the instance's. Its credentials stay for a `PurgeStore` to delete.
   */
  deleteWorkspace(deletion: {
    readonly workspaceId: string;
    readonly deletedAt: Date;
    readonly event: AuditEvent;
  }): Promise<WorkspaceDeletion>;
}

/** A workspace whose keys are destroyed, while credentials that were sealed with them may be left. */
export interface UnpurgedWorkspace {
  readonly id: string;
  readonly deletedAt: Date;
}

/** Deletes what is left of deleted workspaces. */
export interface PurgeStore {
  /** Those that were deleted last come first; 10,000 at most. */
  findUnpurged(): Promise<readonly UnpurgedWorkspace[]>;
  /** Deletes some of what is left, unless another process is at it, and answers whether there may be more. */
  purgeSome(workspaceId: string): Promise<boolean>;
  /** Notes that nothing is left, unless something is. */
  endPurge(workspaceId: string, purgedAt: Date): Promise<void>;
}

/** Keeps the API keys that workspaces issue. */
export interface ApiKeyStore {
  /**
   * `user` is added where he does not exist yet: the one in whose name the key acts.
   *
   * @throws VaultError `name_taken` where another living key has the name in its certificate
   */
  createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User): Promise<void>;
  findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<UsedApiKey | undefined>;
  /**
   * In the order of ids. A page is full unless it is the last one: keys whose MAC is wrong, and those that are not to be
   * shown, take no place on it.
   */
  listApiKeys(request: {
    readonly workspaceId: string;
    readonly shows: (apiKey: ApiKey) => boolean;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly UsedApiKey[]>;
  /** Only moves times forward, and takes no heed of keys that are gone. */
  recordUses(uses: readonly ApiKeyUse[]): Promise<void>;
  /** Answers false where it is absent; revoking once more keeps the first time. */
  revokeApiKey(revocation: {
    readonly workspaceId: string;
    readonly id: string;
    readonly revokedAt: Date;
    readonly event: AuditEvent;
  }): Promise<boolean>;
}
