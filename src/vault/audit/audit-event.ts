import type { Clock } from '../time.ts';
import type { IdSource } from '../ids.ts';
import type { Call, Caller } from '../caller.ts';

/** What happened, as the trail names it. */
export type AuditAction =
  | 'instance.set_up'
  | 'workspaces.create'
  | 'workspaces.delete'
  | 'members.add'
  | 'members.remove'
  | 'credentials.create'
  | 'credentials.update'
  | 'credentials.activate'
  | 'credentials.deactivate'
  | 'credentials.delete'
  | 'secrets.add_version'
  | 'secrets.describe'
  | 'secrets.reveal'
  | 'api_keys.create'
  | 'api_keys.revoke'
  | 'users.create'
  | 'users.deactivate'
  | 'users.set_up'
  | 'users.change_password'
  | 'users.withdraw_password'
  | 'sessions.login'
  | 'sessions.logout'
  | 'access.denied'
  | 'access.refused'
  | 'audit.prune'
  | 'audit.lose'
  | 'audit.acknowledge_loss';

export type AuditOutcome = 'OK' | 'DENIED' | 'FAILED';

/** One line of the audit trail; it holds ids and names, never a secret, token or key. */
export interface AuditEvent {
  /** UUIDv7. */
  readonly id: string;
  readonly time: Date;
  /** Null for what concerns the instance. */
  readonly workspaceId: string | null;
  readonly actorKind: 'user' | 'api_key' | 'system' | 'anonymous';
  readonly actorId: string | null;
  readonly actorName: string;
  readonly authentication: Caller['authentication'] | 'password' | 'local' | 'none';
  readonly action: AuditAction;
  /** `credential`, `workspace`, `api_key`, `user`, `member` or `session`, and its id; a member's is his user's. */
  readonly resourceKind: string;
  readonly resourceId: string | null;
  readonly outcome: AuditOutcome;
  readonly protocol: string;
  readonly dialect: string;
  readonly peer: string;
  readonly requestId: string;
  /** How many alike it stands for; 1 where absent. */
  readonly count?: number;
  /**
   * As its store spells it: the state of a credential behind the event, or that of a user or a member which ends with it; null
   * where there is none to tell.
   */
  readonly resourceState?: string | null;
}

/** What a call did, for its line in the trail. */
export interface AuditedDeed {
  readonly id: string;
  readonly time: Date;
  readonly action: AuditAction;
  readonly resourceKind: string;
  readonly resourceId: string | null;
  readonly outcome: AuditOutcome;
  /** The workspace of the call, unless the deed concerns another one or the instance. */
  readonly workspaceId?: string | null;
}

/** The event of a deed by an authenticated caller. */
export function auditEvent(call: Call, deed: AuditedDeed): AuditEvent {
  const { caller } = call;
  return {
    workspaceId: call.workspaceId,
    ...deed,
    actorKind: caller.kind,
    actorId: caller.id,
    actorName: caller.name,
    authentication: caller.authentication,
    protocol: call.protocol,
    dialect: call.dialect,
    peer: call.peer,
    requestId: call.requestId,
  };
}

/** The event of what Coffer does by itself, or at the command line of its own machine. */
export function systemEvent(
  { clock, ids }: { readonly clock: Clock; readonly ids: IdSource },
  deed: Pick<AuditEvent, 'action' | 'resourceKind' | 'resourceId'>,
): AuditEvent {
  const { action, resourceKind, resourceId } = deed;
  return {
    id: ids.next(),
    time: clock.now(),
    workspaceId: null,
    actorKind: 'system',
    actorId: null,
    actorName: 'coffer',
    authentication: 'local',
    action,
    resourceKind,
    resourceId,
    outcome: 'OK',
    protocol: 'none',
    dialect: 'coffer',
    peer: '',
    requestId: '',
  };
}
