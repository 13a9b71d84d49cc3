import type { Call, Caller } from '../caller.ts';
import type { IdSource } from '../ids.ts';
import type { Clock } from '../time.ts';

/** The actions that the trail records. */
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
  | 'credentials.undelete'
  | 'credentials.copy'
  | 'credentials.move'
  | 'leaks.report'
  | 'credentials.purge'
  | 'credentials.expiring'
  | 'credentials.expire'
  | 'secrets.add_version'
  | 'secrets.restore_version'
  | 'secrets.destroy_version'
  | 'secrets.prune_versions'
  | 'secrets.compare_versions'
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
  | 'keys.rotate_master'
  | 'keys.seal'
  | 'keys.unseal'
  | 'keys.split'
  | 'audit.prune'
  | 'audit.lose'
  | 'audit.acknowledge_loss';

export type AuditOutcome = 'OK' | 'DENIED' | 'FAILED';

/** The kinds of resources that events name. */
export type AuditResourceKind =
  | 'credential'
  | 'workspace'
  | 'api_key'
  | 'user'
  | 'member'
  | 'session'
  | 'permission'
  | 'master_key'
  | 'leak'
  | 'audit_stream'
  | 'audit_trail';

/**
 * What some events record beside their resource. Null and absent are the same; neither a text nor a number is ever empty or 0.
 */
export interface AuditEventDetails {
  /** The reason that the caller gave for a reveal, or Coffer for what it does itself: at most 255 characters. */
  readonly purpose?: string | null;
  /** The version of the secret that the action is about. */
  readonly version?: number | null;
  /** The name of the secret's field that the action is about. */
  readonly field?: string | null;
  /** The permission that a denied call lacked. */
  readonly permission?: string | null;
  /** The id of a second resource of the same kind, such as the copy of a credential. */
  readonly relatedId?: string | null;
  /** How many days before the expiry of a credential the event was written. */
  readonly days?: number | null;
  /** In the store's serialization: what scopes of keys were compared with before the change of a credential, if it differs since. */
  readonly formerScope?: string | null;
}

/** The details in the order in which the MAC of an event covers them. Further ones are added at the end. */
export const auditEventDetails = [
  'purpose',
  'version',
  'field',
  'permission',
  'relatedId',
  'days',
  'formerScope',
] as const satisfies (keyof AuditEventDetails)[];

/** One event of the audit trail. It contains ids and names, never a secret, token or key. */
export interface AuditEvent extends AuditEventDetails {
  /** UUIDv7. */
  readonly id: string;
  readonly time: Date;
  /** Null for an event of the instance. */
  readonly workspaceId: string | null;
  readonly actorKind: 'user' | 'api_key' | 'system' | 'anonymous';
  readonly actorId: string | null;
  readonly actorName: string;
  readonly authentication: Caller['authentication'] | 'password' | 'local' | 'none';
  readonly action: AuditAction;
  /** An `AuditResourceKind`, unless the row was tampered with. */
  readonly resourceKind: string;
  /** The id of the resource; for a member, the id of the user. */
  readonly resourceId: string | null;
  readonly outcome: AuditOutcome;
  readonly protocol: string;
  readonly dialect: string;
  readonly peer: string;
  /** The id of the request, as in the log; no `request_id` of a message. */
  readonly requestId: string;
  /** How many equal calls the event stands for; 1 where absent. */
  readonly count?: number;
  /**
   * In the store's serialization: the state of a credential after the event, or the last state of a user or membership that
   * the event changes or deletes; null where there is none.
   */
  readonly resourceState?: string | null;
}

/** Where the id and the time of an event come from. */
export interface EventSource {
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** What an event records about a call. */
export interface AuditedAction extends AuditEventDetails {
  readonly action: AuditAction;
  readonly resourceKind: AuditResourceKind;
  readonly resourceId: string | null;
  /** `OK` where absent. */
  readonly outcome?: AuditOutcome;
  /** The workspace of the call where absent; null for an event of the instance. */
  readonly workspaceId?: string | null;
}

/** Creates the event of an action by an authenticated caller. */
export function auditEvent(
  { clock, ids }: EventSource,
  call: Omit<Call, 'signal'>,
  { action, resourceKind, resourceId, outcome = 'OK', workspaceId = call.workspaceId, ...details }: AuditedAction,
): AuditEvent {
  const { caller } = call;
  return {
    id: ids.next(),
    time: clock.now(),
    workspaceId,
    action,
    resourceKind,
    resourceId,
    outcome,
    actorKind: caller.kind,
    actorId: caller.id,
    actorName: caller.name,
    authentication: caller.authentication,
    protocol: call.protocol,
    dialect: call.dialect,
    peer: call.peer,
    requestId: call.requestId,
    ...details,
  };
}

/** Creates the event of an action by Coffer itself, or by a command on its machine; of the instance if it names no workspace. */
export function systemEvent(
  { clock, ids }: EventSource,
  { action, resourceKind, resourceId, workspaceId = null, ...details }: Omit<AuditedAction, 'outcome'>,
): AuditEvent {
  return {
    id: ids.next(),
    time: clock.now(),
    workspaceId,
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
    ...details,
  };
}
