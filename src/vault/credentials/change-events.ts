import type { AuditAction } from '../audit/audit-event.ts';
import type { KeyScope } from '../key-scope.ts';

/** The kinds of changes, by the actions of their events. A moved credential is gone from where it was. */
export const changeKinds = {
  'credentials.create': 'CREATED',
  'credentials.update': 'UPDATED',
  'credentials.activate': 'ACTIVATED',
  'credentials.deactivate': 'DEACTIVATED',
  'credentials.delete': 'DELETED',
  'credentials.move': 'DELETED',
  'credentials.undelete': 'UNDELETED',
  'credentials.purge': 'PURGED',
  'credentials.expiring': 'EXPIRING',
  'credentials.expire': 'EXPIRED',
  'secrets.add_version': 'SECRET_CHANGED',
  'secrets.restore_version': 'SECRET_CHANGED',
  'secrets.destroy_version': 'VERSION_DESTROYED',
  'secrets.prune_versions': 'VERSION_DESTROYED',
  'secrets.reveal': 'REVEALED',
} as const satisfies Partial<Record<AuditAction, string>>;

export type ChangeAction = keyof typeof changeKinds;

export type CredentialChangeKind = (typeof changeKinds)[ChangeAction];

/** The actions that change a credential, without reveals. */
export const changeActions: readonly ChangeAction[] = Object.keys(changeKinds)
  .filter(isChangeAction)
  .filter((action) => action !== 'secrets.reveal');

/** Whether an action is one that can be watched. */
export function isChangeAction(action: string): action is ChangeAction {
  return Object.hasOwn(changeKinds, action);
}

/** A change of a credential, read from the trail. */
export interface ChangedCredential {
  /** The id of the event: a UUIDv7. */
  readonly eventId: string;
  /** The position of the event: its stream, and its number there. */
  readonly stream: string;
  readonly sequence: number;
  readonly time: Date;
  readonly action: ChangeAction;
  readonly credentialId: string;
  /** Of the credential after the change; 0 if the event records none. */
  readonly revision: number;
  readonly currentVersion: number;
  /** For `credentials.expiring`, how many days are left; otherwise 0. */
  readonly days: number;
  /** What the store needs to decide `leftScope`; null unless the change may take the credential out of a scope. */
  readonly formerScope: string | null;
}

/** The last event of a stream that was visible. */
export interface StreamPosition {
  readonly stream: string;
  readonly sequence: number;
}

/** A position, with the id of its event. */
export interface ReachedEvent extends StreamPosition {
  readonly eventId: string;
}

/** Selects changes of a workspace. */
export interface ChangeRequest {
  readonly workspaceId: string;
  /** Only events with greater ids. */
  readonly after: string;
  /** Events up to these positions are left out. */
  readonly delivered: readonly StreamPosition[];
  readonly withReveals: boolean;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** A position to resume at, from a token that an earlier watch has returned. */
export interface ResumedPosition {
  readonly time: Date;
  /** By the last 16 hex digits of their streams. */
  readonly sequences: ReadonlyMap<string, number>;
}

/** Reads the changes of credentials from the trail. */
export interface CredentialChangeStore {
  /** In the order of the events' ids, which is that of their numbers within each stream. */
  readChanges(request: ChangeRequest): Promise<readonly ChangedCredential[]>;
  /**
   * The last visible event of the workspace in each stream that has one with a greater id than `after`; also the newest one of
   * all. All are of one moment.
   */
  readReached(request: Pick<ChangeRequest, 'workspaceId' | 'after' | 'signal'>): Promise<readonly ReachedEvent[]>;
  /**
   * The positions of a token with the whole ids of their streams; undefined if the trail no longer has all events since.
   *
   * @param since the time from which on all events are needed
   */
  resume(
    position: ResumedPosition,
    options: { readonly since: Date; readonly signal: AbortSignal },
  ): Promise<readonly ReachedEvent[] | undefined>;
  /** Those of the credentials that are within a scope now; deleted ones as well. */
  findWithin(request: {
    readonly workspaceId: string;
    readonly ids: readonly string[];
    readonly keyScope: KeyScope;
    readonly signal: AbortSignal;
  }): Promise<ReadonlySet<string>>;
  /** Whether the credential of a change was within a scope until then. */
  leftScope(change: ChangedCredential, keyScope: KeyScope): boolean;
}
