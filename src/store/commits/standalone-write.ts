import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { requestInProgress } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { Transaction, TransactionScope } from '../postgres/sessions/transaction.ts';
import { claimRequests, KeptRequests } from '../requests/claimed-requests.ts';
import type { RequestRecords } from '../requests/request-records.ts';
import type { Prepared } from './decision-group.ts';

/** The result of a standalone write, beside its statements. */
export interface CommitResult<Answer> {
  readonly answer: Answer;
  /** The audit events to be committed with the statements. */
  readonly events: readonly AuditEvent[];
}

/** A write that runs its own statements, in a transaction that it shares with no other write. */
export interface StandaloneWrite {
  readonly kind: 'standalone';
  readonly scope: TransactionScope;
  readonly prepare: (transaction: Transaction) => Promise<Prepared>;
  readonly reject: (error: unknown) => void;
}

/** The statements of a standalone write. */
export type StandaloneWork<Answer> = (transaction: Transaction) => Promise<CommitResult<Answer>>;

/** What a standalone write consists of. */
export interface StandaloneParts<Answer> {
  readonly scope: TransactionScope;
  readonly work: StandaloneWork<Answer>;
  /** Given if the answer is kept under a request id. */
  readonly keeping: Keeping<Answer> | undefined;
  readonly records: RequestRecords;
  readonly settle: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Creates a standalone write; a request id is claimed before its statements are run. */
export function standaloneWrite<Answer>(parts: StandaloneParts<Answer>): StandaloneWrite {
  const { keeping, records, reject, scope, settle, work } = parts;
  const prepare = async (transaction: Transaction): Promise<Prepared> => {
    const requests = keeping && (await claimOne(transaction, records, keeping));
    const { answer, events } = await work(transaction);
    const kept = keeping?.serialize(answer);
    if (keeping && kept) requests?.keep(keeping.claim, kept);
    return { events, fragments: requests?.writes() ?? [], settle: () => settle(answer), deferred: [] };
  };
  return { kind: 'standalone', scope: keeping ? withClaim(scope, keeping) : scope, prepare, reject };
}

/** @throws VaultError `request_in_progress` if the id is not free */
export async function claimOne(
  transaction: Transaction,
  records: RequestRecords,
  { claim }: Keeping<never>,
): Promise<KeptRequests> {
  const requests = new KeptRequests(records, await claimRequests(transaction, records, [claim]));
  if (!requests.isFree(claim)) throw requestInProgress();
  return requests;
}

/** The scope of a transaction that writes the record of a request as well. */
export function withClaim(scope: TransactionScope, { claim }: Keeping<never>): TransactionScope {
  return { ...scope, workspaces: [...new Set([...(scope.workspaces ?? []), claim.workspaceId])] };
}
