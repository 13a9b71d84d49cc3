import type { AuditEvent } from '../audit/audit-event.ts';
import type { Keeping } from '../requests/ports.ts';
import type { DuePlace } from '../worker-task.ts';
import type { WrappedWorkspaceKey } from './ports.ts';

/** `CURRENT` seals what is written. `RETIRING` still opens versions that are not sealed again yet. `DESTROYED` is gone. */
export type WorkspaceKeyState = 'CURRENT' | 'RETIRING' | 'DESTROYED';

/** A key of a workspace, without its bytes. */
export interface WorkspaceKeyRecord extends KeyPlace {
  readonly state: WorkspaceKeyState;
  readonly createdAt: Date;
  /** How many versions it seals; undefined if they were not counted. */
  readonly versionCount?: number;
}

/** The progress of one rotation, or of all that are under way. */
export interface RotationProgress {
  /** `BLOCKED` if versions do not open, so that the old key stays. */
  readonly state: 'RUNNING' | 'BLOCKED' | 'DONE';
  readonly done: number;
  /** Null until they are counted. */
  readonly total: number | null;
  /** Versions that do not open, or were changed outside of Coffer. */
  readonly unreadable: number;
  readonly versionsPerSecond: number;
  readonly startedAt: Date;
  /** When the last batch was written. */
  readonly updatedAt: Date;
}

/** Names a key. */
export interface KeyPlace {
  readonly workspaceId: string;
  readonly keyId: Uint8Array;
}

/** A key that another one replaces. */
export interface RetiringKey extends KeyPlace {
  readonly startedAt: Date;
}

/** A version that a retiring key seals. Its row was not changed outside of Coffer. */
export interface RetiringVersion {
  readonly credentialId: string;
  readonly version: number;
  readonly sealed: Uint8Array;
}

/** A version after it was sealed again. */
export interface ResealedVersion {
  readonly credentialId: string;
  readonly version: number;
  readonly sealed: Uint8Array;
  readonly keyId: Uint8Array;
}

/** Seals versions again, outside of Coffer's other work; those that do not open are left out. */
export type Reseal = (versions: readonly RetiringVersion[]) => Promise<readonly ResealedVersion[]>;

/** What one batch did. */
export interface ResealedBatch {
  /** False if another process works on a batch. */
  readonly isFree: boolean;
  /** The number of versions that are sealed with the current key now. */
  readonly count: number;
  /** Whether the pass over the versions of the key has ended. */
  readonly isPassEnded: boolean;
  /** How many versions this pass could not open; known at its end. */
  readonly unreadable: number;
}

/** A rotation to be started. */
export interface KeyRotationStart {
  readonly key: WrappedWorkspaceKey;
  readonly event: AuditEvent;
  readonly keeping?: Keeping<StartedRotation> | undefined;
}

/** A rotation that has begun. */
export interface StartedRotation {
  /** The new key. */
  readonly key: WorkspaceKeyRecord;
  readonly startedAt: Date;
}

/** Replaces keys of workspaces. */
export interface KeyRotationStore {
  /**
   * Adds a key, which seals from now on in every process, and marks the present ones as retiring.
   *
   * @throws VaultError `not_found`; `request_in_progress` with the reason `ROTATION_UNDER_WAY`; `unavailable` with the reason
   *   `MASTER_KEY_ROTATED`; `secret_unreadable` if a key of the workspace was changed outside of Coffer
   */
  startRotation(start: KeyRotationStart): Promise<StartedRotation>;
  /** The retiring keys of all workspaces, those whose rotation was started first. */
  findRetiring(): Promise<readonly RetiringKey[]>;
  /** Seals the next versions of a retiring key again, unless another process seals any. */
  resealSome(key: KeyPlace, now: Date, reseal: Reseal): Promise<ResealedBatch>;
  /**
   * Destroys a retiring key if no version needs it, which the database checks.
   *
   * @returns whether it did
   */
  destroyKey(key: KeyPlace, event: AuditEvent): Promise<boolean>;
  /** Workspaces whose current key was created at or before a time, the oldest first; none with a rotation under way. */
  findAged(createdBefore: Date, after: DuePlace | undefined): Promise<readonly DuePlace[]>;
}

/** The position of a key in a list. */
export type ListedKey = Pick<WorkspaceKeyRecord, 'workspaceId' | 'keyId' | 'createdAt'>;

/** Shows the keys of the instance, without their bytes. */
export interface KeyStatusStore {
  /** The keys of all workspaces, or of one, in the order of the workspaces' ids, those of each from the newest to the oldest. */
  listKeys(request: {
    readonly workspaceId?: string | undefined;
    readonly after: ListedKey | undefined;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly WorkspaceKeyRecord[]>;
  /** How many versions the keys of a workspace seal, by their ids in hex. */
  countVersions(workspaceId: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** The rotation of a workspace, or of all workspaces that have one under way; undefined if there was none. */
  findProgress(workspaceId: string | undefined, signal?: AbortSignal): Promise<RotationProgress | undefined>;
}
