import { formatHead, parseHead, type AuditHead, type LedgerEntry } from './audit-chain.ts';

/**
 * Committed events that the database no longer has: the end of a stream, lost in a failover to a replica without it, or
 * deleted.
 */
export interface TrailLoss {
  readonly stream: string;
  /** The last event that the database still had; undefined if it had none of the stream. */
  readonly kept: AuditHead | undefined;
  /** The last event known to be committed. */
  readonly lost: AuditHead;
}

/** A loss that an operator acknowledged, and when. */
export interface AcknowledgedLoss extends TrailLoss {
  readonly time: Date;
}

/** How many events are lost. */
export function lostEventCount({ kept, lost }: TrailLoss): number {
  return lost.sequence - (kept?.sequence ?? 0);
}

/** Names the lost events: `events 81 to 100 of stream 018f…`. */
export function describeLoss({ kept, lost, stream }: TrailLoss): string {
  const first = (kept?.sequence ?? 0) + 1;
  const which = first === lost.sequence ? `event ${first}` : `events ${first} to ${lost.sequence}`;
  return `${which} of stream ${stream}`;
}

/** Serializes a loss as the heads of a ledger entry: `{"kept":"<head>","lost":"<head>"}`. */
export function formatLoss({ kept, lost }: TrailLoss): string {
  return JSON.stringify({ ...(kept && { kept: formatHead(kept) }), lost: formatHead(lost) });
}

/** Parses a ledger entry of kind `loss` or `acknowledge`; undefined for any other entry. */
export function readLoss({ heads, kind, stream, time }: LedgerEntry): AcknowledgedLoss | undefined {
  if (kind !== 'loss' && kind !== 'acknowledge') return undefined;
  const members = membersOf(heads);
  const [kept, lost] = ['kept', 'lost'].map((name) => parseHead(String(members.get(name))));
  return lost && { stream, kept, lost, time };
}

/** The losses that no later entry acknowledges, the oldest first. */
export function unacknowledgedLosses(entries: readonly LedgerEntry[]): readonly TrailLoss[] {
  const open = new Map<string, TrailLoss>();
  for (const entry of entries) {
    const loss = readLoss(entry);
    if (!loss) continue;
    const key = `${loss.stream} ${formatHead(loss.lost)}`;
    if (entry.kind === 'loss') open.set(key, loss);
    else open.delete(key);
  }
  return [...open.values()];
}

function membersOf(text: string): ReadonlyMap<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []);
  } catch {
    // Verification reports the entry: its MAC is invalid.
    return new Map();
  }
}
