import type { AuditEvent } from './audit-event.ts';
import type { Clock, IdSource } from './ports.ts';

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
