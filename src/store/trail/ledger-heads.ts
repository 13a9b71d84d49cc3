import { parseHead, type AuditHead } from '../../vault/audit/audit-chain.ts';
import type { HeadRow } from './trail-statements.ts';

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
