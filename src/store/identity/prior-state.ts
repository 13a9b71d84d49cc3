import type { AuditEvent } from '../../vault/audit/audit-event.ts';

/** How much of a row's MAC an event keeps: enough that none is ever met by chance. */
const macPrefixBytes = 16;

/** What events tell of a row's MAC: its first half, in hex. */
export function formatMacPrefix({ buffer, byteLength, byteOffset }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, Math.min(macPrefixBytes, byteLength)).toString('hex');
}

/**
 * The event with the state of a user or a membership that ends with it, so that the trail tells of one that is put back.
 *
 * @param former the genuine row as it was until then, which is never the same again; undefined where there was none
 */
export function recordPriorState(event: AuditEvent, former: { readonly mac: Uint8Array } | undefined): AuditEvent {
  return former ? { ...event, resourceState: formatMacPrefix(former.mac) } : event;
}
