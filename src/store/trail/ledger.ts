import type { QueryResultRow } from 'pg';
import { type AuditHead, type LedgerEntry, parseHead } from '../../vault/audit/audit-chain.ts';
import type { TrailLoss } from '../../vault/audit/trail-loss.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { findLastEvent, findLedger, type HeadRow } from './trail-statements.ts';

/** The heads that a line of the ledger tells, as they are spelt, by stream; what is none is left out. */
export function readHeads(heads: string): Readonly<Record<string, string>> {
  try {
    const parsed: unknown = JSON.parse(heads);
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(
      Object.entries(parsed).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string' && parseHead(entry[1]) !== undefined,
      ),
    );
  } catch {
    // The verifier tells of a line that was tampered with; it must not keep the trail from going on.
    return {};
  }
}

/** The place that a row tells of. */
export function headOf({ seq, mac }: HeadRow): AuditHead {
  return { sequence: seq, mac };
}

type Run = <Row extends QueryResultRow>(statement: Statement) => Promise<readonly Row[]>;

/**
 * What the database lacks of a stream up to an event that was committed; undefined where it lacks nothing, or what it lacks was
 * pruned.
 */
export async function findLoss(stream: string, committed: AuditHead, run: Run): Promise<TrailLoss | undefined> {
  if (committed.sequence === 0) return undefined;
  const [row] = await run<HeadRow>(findLastEvent(stream));
  const kept = row && headOf(row);
  if (kept && kept.sequence >= committed.sequence) return undefined;
  if (!kept && (await prunedUpTo(stream, run)) >= committed.sequence) return undefined;
  return { stream, kept, lost: committed };
}

/** The number of a stream's last event that was pruned; 0 where none was. */
async function prunedUpTo(stream: string, run: Run): Promise<number> {
  const lines = (await run<LedgerEntry>(findLedger)).filter(({ kind }) => kind === 'prune');
  const heads = lines.map(({ heads: ofLine }) => parseHead(readHeads(ofLine)[stream] ?? ''));
  return Math.max(0, ...heads.map((head) => head?.sequence ?? 0));
}
