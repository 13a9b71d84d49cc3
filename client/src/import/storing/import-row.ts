import type { CofferError } from '../../errors/errors.ts';
import type { PlannedEntry, PlanState } from '../planning/plan.ts';

/** An entry after an import: as planned, stored, or refused by the vault. */
export type RowState = PlanState | 'stored' | 'failed';

/** Whether what the vault has was read back and found equal. */
export type Verification = 'equal' | 'differs' | 'unreadable';

/** What became of an entry. */
export interface ImportRow extends Omit<PlannedEntry, 'state'> {
  readonly state: RowState;
  readonly verification?: Verification;
}

/** What the user has to look at; everything else is in the vault, or nothing is missing. */
const unfinished: ReadonlySet<RowState> = new Set(['wrong key', 'damaged', 'reference', 'name taken', 'failed']);

/** Whether an entry is not in the vault, or not as it is in the source. */
export function isUnfinished({ state, verification }: ImportRow): boolean {
  return unfinished.has(state) || verification === 'differs' || verification === 'unreadable';
}

/** The rows of an import. */
export interface StoredRows {
  readonly rows: readonly ImportRow[];
  /** Why it stopped before its end: the vault is away, or the caller may not go on. */
  readonly failure?: CofferError;
}
