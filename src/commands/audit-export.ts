import { pipeline } from 'node:stream/promises';
import type { AuditEvent } from '../vault/audit/audit-event.ts';
import type { Config } from '../config/config.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import type { ChainedEvent, UnreadableEvent } from '../vault/audit/audit-chain.ts';
import { openVault } from './open-vault.ts';
import { parseOptions, parseTimeOption } from './options.ts';

/**
 * Prints the events of all workspaces and of the instance as JSON lines, stream by stream. It reads no faster than the
 * output accepts, and keeps no transaction open. A server may be running; by default, the events up to the start of the
 * command are printed. Events that cannot be read are listed on the standard error.
 *
 * @returns the exit code
 * @throws UsageError
 */
export async function auditExport(
  config: Config,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = parseOptions(parameters, { from: { type: 'string' }, to: { type: 'string' } });
  const from = parseTimeOption('from', options.from) ?? new Date(0);
  const to = parseTimeOption('to', options.to) ?? new Date();
  await using stack = new AsyncDisposableStack();
  const { stores } = (await openVault(config, stack, stopping)).instance;
  try {
    await pipeline(linesOf(stores.auditTrail.readEvents(), { from, to }), process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    process.stderr.write('coffer: the export is not complete: its reader has gone\n');
    return 1;
  }
  return 0;
}

/** Compares the times here, because the database has no index for them and could search for long. */
async function* linesOf(
  chunks: AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>,
  { from, to }: { readonly from: Date; readonly to: Date },
): AsyncGenerator<string> {
  for await (const chunk of chunks) {
    const events = chunk.filter((item) => 'event' in item);
    for (const item of chunk) if ('place' in item) warnOfUnreadable(item);
    const wanted = events.filter(({ event: { time } }) => time >= from && time < to);
    if (wanted.length > 0) yield wanted.map(formatEvent).join('');
  }
}

/** The export continues; it is the verification that judges the event. */
function warnOfUnreadable({ place, stream }: UnreadableEvent): void {
  process.stderr.write(`coffer: event ${place} of stream ${stream} cannot be read, and is left out\n`);
}

/** The names of an event's members in an export, which are those of the native API. */
const memberNames: Readonly<Record<keyof AuditEvent, string>> = {
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
  purpose: 'purpose',
  version: 'version',
  field: 'field',
  permission: 'permission',
  relatedId: 'related_id',
  days: 'days',
  formerScope: 'former_scope',
};

/** Formats an event as a line of JSON with everything that its MAC covers. MACs are in hex, and absent members are null. */
export function formatEvent({ stream, sequence, previous, mac, event }: ChainedEvent): string {
  const place = { stream, sequence, previous: hex(previous), mac: hex(mac) };
  const values: ReadonlyMap<string, unknown> = new Map(Object.entries({ ...event, count: event.count ?? 1 }));
  const members = Object.entries(memberNames).map(([property, name]) => [name, values.get(property) ?? null]);
  return `${JSON.stringify({ ...place, ...Object.fromEntries(members) })}\n`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
