import type { AuditEvent } from '../vault/audit/audit-event.ts';
import type { ChainedEvent } from '../vault/audit/audit-chain.ts';

/** The names of an event's members in an export, which are those of the native API. */
const names: Readonly<Record<keyof AuditEvent, string>> = {
  id: 'id',
  time: 'time',
  workspaceId: 'workspace_id',
  actorKind: 'actor_kind',
  actorId: 'actor_id',
  actorName: 'actor_name',
  authentication: 'authentication',
  action: 'action',
  resourceKind: 'resource_kind',
  resourceId: 'resource_id',
  outcome: 'outcome',
  protocol: 'protocol',
  dialect: 'dialect',
  peer: 'peer',
  requestId: 'request_id',
  count: 'count',
  resourceState: 'resource_state',
};

/** An event in its place as a line of JSON, with all that its MAC covers; MACs are in hex, and what is absent is null. */
export function eventLine({ stream, sequence, previous, mac, event }: ChainedEvent): string {
  const place = { stream, sequence, previous: hex(previous), mac: hex(mac) };
  const values: ReadonlyMap<string, unknown> = new Map(Object.entries({ ...event, count: event.count ?? 1 }));
  const members = Object.entries(names).map(([property, name]) => [name, values.get(property) ?? null]);
  return `${JSON.stringify({ ...place, ...Object.fromEntries(members) })}\n`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
