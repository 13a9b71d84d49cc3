import type { AuditEvent } from '../audit/audit-event.ts';
import type { Credential } from './credential.ts';
import type { Reference } from '../ids.ts';
import type { Keeping } from '../requests/ports.ts';
import type { DueBatch, DuePlace } from '../worker-task.ts';
import type { FoundCredential, Refusal, DecisionTarget } from './decision-ports.ts';

/** To clear a credential to what is left of it, with the event. */
export type PurgeDecision = { readonly event: AuditEvent; readonly tombstone: Credential } | Refusal;

/** What becomes of a notice that was due. */
export interface NoticeDecision {
  /** When the next one is due; null if none is left. */
  readonly noticeAt: Date | null;
  /** The event of the notice, if one is given. */
  readonly event?: AuditEvent;
}

/** Which rows that are due are changed, and by what time they are due. */
export interface DueRequest {
  /** By the clock of this process. */
  readonly now: Date;
  /** Begins after this place; with the row that has been due for longest if absent. */
  readonly after: DuePlace | undefined;
}

/** Purges deleted credentials: deletes their versions, and clears their rows. */
export interface CredentialPurgeStore {
  /**
   * Runs one decision in its own transaction, on a credential in any state but purged.
   *
   * @param keeping as for `CredentialStore.decide`
   * @returns the tombstone
   * @throws VaultError what the decision refuses with, once its event is durable; what `decide` throws, with nothing written
   */
  purge(
    target: Pick<DecisionTarget, 'workspaceId' | 'signal'> & { readonly reference: Reference },
    decide: (found: FoundCredential | undefined) => PurgeDecision,
    keeping?: Keeping<Credential>,
  ): Promise<Credential>;
  /**
   * Purges one batch of credentials whose time has come by both clocks, that of this process and that of the database. Those for
   * which `decide` returns undefined, and those that other processes are changing, are left out.
   */
  purgeDue(request: DueRequest, decide: (found: FoundCredential) => PurgeDecision | undefined): Promise<DueBatch>;
}

/** Gives notices of expiry, each once whatever the number of processes. */
export interface ExpiryNoticeStore {
  /** Works on one batch of credentials with a notice that is due, as `CredentialPurgeStore.purgeDue` does. */
  noticeDue(request: DueRequest, decide: (found: FoundCredential) => NoticeDecision | undefined): Promise<DueBatch>;
}

/** Prunes versions by their age. */
export interface VersionPruneStore {
  /**
   * Works on one batch of credentials with versions that were superseded at or before `request.now`, as
   * `CredentialPurgeStore.purgeDue` does. Each is found with its `settledVersion` at that time.
   *
   * @returns also whether all that were found were changed
   */
  pruneDue(
    request: DueRequest,
    decide: (found: FoundCredential) => PruneDecision | undefined,
  ): Promise<DueBatch & { readonly isComplete: boolean }>;
}

/** The credential without its oldest versions, and the event. */
export interface PruneDecision {
  readonly event: AuditEvent;
  readonly credential: Credential;
}
