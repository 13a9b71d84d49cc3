import type { AuditEvent } from '../vault/audit/audit-event.ts';

/** Everything that an event says, in a fixed order. Changing the order or the spelling voids all stored events. */
export function fieldsOf(event: AuditEvent): readonly (string | null)[] {
  const fields = [
    event.id,
    event.time.toISOString(),
    event.workspaceId,
    event.actorKind,
    event.actorId,
    event.actorName,
    event.authentication,
    event.action,
    event.resourceKind,
    event.resourceId,
    event.outcome,
    event.protocol,
    event.dialect,
    event.peer,
    event.requestId,
    String(event.count ?? 1),
  ];
  // Only where there is one, so that events keep their MACs that were written before events told of it.
  if (typeof event.resourceState === 'string') fields.push(event.resourceState);
  return fields;
}
