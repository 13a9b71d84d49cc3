import type { AuditEvent } from '../audit/audit-event.ts';
import type { Credential, CredentialState, SealedVersion, StoredVersion, VersionRecord } from './credential.ts';
import type { Consumer } from '../consumer.ts';
import type { VaultError } from '../errors.ts';
import type { Reference } from '../ids.ts';
import type { KeyScope } from '../key-scope.ts';
import type { MatchCount, SearchPage, SearchRequest } from './search-ports.ts';
import type { Keeping } from '../requests/ports.ts';
import type { ConsumerUse } from '../usage/consumer-recorder.ts';
import type { Usage } from '../usage/usage-recorder.ts';
import type { DueBatch, DuePlace } from '../worker-task.ts';

/** The credential that a decision is about, as stored. */
export interface FoundCredential {
  readonly credential: Credential;
  /** The current version; undefined if the decision did not request it, or if it is missing. */
  readonly current: SealedVersion | undefined;
  /** Whether the row's MAC is valid. If not, no decision may rely on the row. */
  readonly isGenuine: boolean;
  /** The versions that the target names, by its numbers, as far as there are any. */
  readonly versions?: ReadonlyMap<number, StoredVersion>;
  /** The newest version that was made before the retention's time; undefined if there is none, or if too few are stored to prune. */
  readonly settledVersion?: number | undefined;
}

/** Which versions are kept when one is added. */
export interface VersionRetention {
  /** How many of the newest. */
  readonly versionsMax: number;
  /** Versions that were superseded later are kept as well. */
  readonly settledBefore: Date;
}

/** What to write for one call, its event, and the result once both are durable. */
export type Decision<Answer> =
  | {
      readonly event: AuditEvent;
      readonly answer: Answer;
      readonly insert?: { readonly credential: Credential; readonly version: SealedVersion };
      /** The entire new state. Versions before its `oldestVersion` are deleted. */
      readonly update?: {
        readonly credential: Credential;
        /** Is added if the secret changed. */
        readonly version?: SealedVersion;
        /** Loses its content. */
        readonly destroyed?: StoredVersion;
      };
      /** Events of the same call besides the first. */
      readonly furtherEvents?: readonly AuditEvent[];
      /** Only checks what the database would refuse: neither the changes nor the event are written. */
      readonly isPreview?: boolean;
    }
  | Refusal;

/** The event is written, and the call is refused. */
export interface Refusal {
  readonly event: AuditEvent;
  readonly refusal: VaultError;
}

/** The API key or session that the caller was authenticated by, to be checked again. */
export interface RevocationCheck {
  readonly id: string;
  /**
   * Replaces the decision if the key or session was revoked since.
   *
   * @param found undefined if a match found none or several
   */
  readonly refuse: (found: Credential | undefined) => Refusal;
}

/**
 * A credential by its id or by its name. Of several credentials with one name, it refers to the one that has the name
 * exclusively, or else to the oldest one that is not deleted.
 */
export type CredentialReference = Reference | { readonly name: string };

/**
 * What a credential must have, all of it, compared byte for byte; deleted ones do not count. A name or a subject is given. It means
 * the only active credential that matches; if none is active, one of the others.
 */
export interface CredentialMatch {
  readonly name?: string | undefined;
  readonly provider?: string | undefined;
  readonly subject?: string | undefined;
  /** The scope of the caller's API key: what is outside of it does not match. */
  readonly keyScope?: KeyScope | undefined;
  /** The time at which states are determined. */
  readonly now: Date;
}

/** The most ids of active matches that are found. */
export const ambiguousIdsMax = 10;

/** How many credentials match. */
export interface FoundMatches {
  /** The ids of the active ones, at most `ambiguousIdsMax`. */
  readonly activeIds: readonly string[];
  /** Whether there is such a workspace that is not deleted. */
  readonly workspaceExists: boolean;
}

/** Which credential a decision is about. */
export interface DecisionTarget {
  readonly workspaceId: string;
  /** Absent for a creation. A change must use an id: while it waits for the lock, the name may move to another credential. */
  readonly reference?: CredentialReference | { readonly match: CredentialMatch };
  /** The exclusive name that a creation takes, or a preview may take, so that it is looked up in the same round trip. */
  readonly exclusiveName?: string | undefined;
  /** Whether to find a deleted credential as well. */
  readonly deletedToo?: boolean;
  /** Whether to load the current sealed version. */
  readonly sealed?: boolean;
  /** The numbers of versions to load instead, of which 0 is the current one; not with a name and `lock`. */
  readonly versions?: readonly number[];
  /** For a decision that adds a version. */
  readonly retention?: VersionRetention | undefined;
  /** Checks in the same snapshot that the caller's key or session is still valid; only with `sealed` or `versions`, and without `lock`. */
  readonly revocationCheck?: RevocationCheck | undefined;
  /** Whether to lock the row, because the decision changes it. */
  readonly lock?: boolean;
  readonly signal: AbortSignal;
}

/** What one decision of several is about: as `DecisionTarget`, in any workspace. */
export type JointTarget = Omit<DecisionTarget, 'signal' | 'revocationCheck'>;

/** Decisions on several credentials that are committed in one transaction. */
export interface JointDecisions<Answer> {
  /**
   * One for each decision. At most one decision changes a credential. A decision may take an exclusive name that none releases; if
   * several may, their targets announce it.
   */
  readonly targets: readonly JointTarget[];
  /** Whether no decision takes effect if one of them fails; otherwise the one that fails has no effect, and the others have. */
  readonly isAtomic: boolean;
  /** The API key or session of the caller, if the decisions need to know that it is still valid. */
  readonly checkedId?: string | undefined;
  /**
   * Returns a decision for each target, or the error that refuses it without an event; if it throws, nothing is written. Later
   * decisions do not find the changes of earlier ones. Synchronous, without side effects, perhaps called several times.
   *
   * @param isRevoked whether the key or session `checkedId` was revoked
   * @param matches of the targets that give a match
   */
  readonly decide: (
    found: readonly (FoundCredential | undefined)[],
    isRevoked: boolean,
    matches: readonly (FoundMatches | undefined)[],
  ) => readonly (Decision<Answer> | VaultError)[];
  readonly signal: AbortSignal;
}

/** The outcome of one decision of several. */
export type JointResult<Answer> = { readonly answer: Answer } | { readonly error: VaultError };

/** What a reference refers to. */
export interface FoundReference {
  readonly found: FoundCredential | undefined;
  /** Of a match. */
  readonly matches: FoundMatches | undefined;
}

/** Which credentials to read. */
export interface ReadAllRequest {
  readonly workspaceId: string;
  /** An undefined reference refers to none. */
  readonly references: readonly DecisionTarget['reference'][];
  /** Whether to load the current sealed versions. */
  readonly sealed?: boolean | undefined;
  /** The numbers of versions to load instead. */
  readonly versions?: readonly number[] | undefined;
  /** Whether to find deleted credentials as well. */
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

export interface FindRequest {
  readonly workspaceId: string;
  readonly reference: CredentialReference;
  /** Whether to find a deleted credential as well. */
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** Names a version of a credential. */
export interface VersionRequest {
  readonly workspaceId: string;
  readonly id: string;
  readonly version: number;
  readonly signal: AbortSignal;
}

/** Selects credentials of a workspace. An absent condition does not restrict them; an empty list matches nothing. */
export interface CredentialFilter {
  /** The exact name. */
  readonly name?: string;
  readonly providers?: readonly string[];
  /** The accepted auth types, compared without regard to case. */
  readonly authTypes?: readonly string[];
  /** The excluded auth types, compared without regard to case. */
  readonly authTypesExcept?: readonly string[];
  readonly categories?: readonly string[];
  /** The accepted states at the time of the request. */
  readonly states?: readonly Exclude<CredentialState, 'DELETED'>[];
  /** The scope of the caller's API key. */
  readonly keyScope?: KeyScope;
  /** A text that the name or the description contains, compared without regard to case. */
  readonly search?: string;
}

export interface CountRequest extends CredentialFilter {
  readonly workspaceId: string;
  /** The time at which states are determined. */
  readonly now: Date;
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** The sort keys of a list; ids order equal values. Names are in the order of their code points. */
export type CredentialSort = 'createdAt' | 'updatedAt' | 'name';

/**
 * One page of a list: the credentials after a position, in the list's order. A position is the id of a credential of the
 * workspace, which may be deleted or not match the filter; nothing follows or precedes an unknown one.
 */
export interface PageRequest extends CountRequest {
  /** `createdAt` where absent. */
  readonly sortBy?: CredentialSort;
  readonly order: 'ascending' | 'descending';
  /** The page starts after the credential with this id. */
  readonly after?: string;
  /** The page ends before the credential with this id. Without `after` it contains those next to it, not the first of the list. */
  readonly before?: string;
  /** How many more credentials to skip. */
  readonly skip?: number;
  /** From 1. */
  readonly size: number;
}

/** A page of the versions of a credential. */
export interface VersionPageRequest {
  readonly workspaceId: string;
  readonly credentialId: string;
  /** The page has versions with lower numbers. */
  readonly before: number;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** Credentials with their current sealed versions, in the order of their ids. */
export interface SealedPage {
  readonly found: readonly FoundCredential[];
  /** The id after which the next page begins; undefined on the last page. */
  readonly last: string | undefined;
}

/** Reads what a search for a leaked value needs. */
export interface LeakStore {
  /** Runs work while no other process of the cluster does so; waits for its turn. */
  exclusively<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
  /** Reads credentials of a workspace, deleted ones too, but not purged ones. */
  readSealed(request: {
    readonly workspaceId: string;
    /** The id after which the page begins; the nil UUID for the first page. */
    readonly after: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<SealedPage>;
}

/** Stores credentials, their sealed versions and their events. */
export interface CredentialStore {
  /**
   * Runs one decision in one transaction: loads the credential, calls `decide` (synchronous, without side effects, perhaps called
   * several times), writes the decision with its event, commits, and only then returns or refuses.
   *
   * @param keeping claims a request id first, and keeps the answer in the same transaction
   * @throws VaultError `name_taken` or `id_taken` if an insert or update collides; what `decide` throws, with nothing written
   */
  decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined, matches: FoundMatches | undefined) => Decision<Answer>,
    keeping?: Keeping<Answer>,
  ): Promise<Answer>;
  /**
   * Runs several decisions in one transaction, which they share with no other call. If they are atomic and one fails, only the
   * events of refusals are written, and the call is refused with the first failure, whose `details.item` is the target's index.
   *
   * @param keeping as for `decide`
   * @returns the outcomes in the order of the targets
   * @throws as `decide`; a collision of a decision that is not atomic is its outcome
   */
  decideJointly<Answer>(
    decisions: JointDecisions<Answer>,
    keeping?: Keeping<readonly JointResult<Answer>[]>,
  ): Promise<readonly JointResult<Answer>[]>;
  /**
   * Reads credentials that are not deleted, as they are at one moment, without a lock or an event.
   *
   * @param receive called with the next of them, in the order of the references, until all are read or it returns false
   */
  readAll(request: ReadAllRequest, receive: (found: readonly FoundReference[]) => boolean): Promise<void>;
  /** Loads metadata only, no ciphertext. */
  find(request: FindRequest): Promise<Credential | undefined>;
  /** The sealed bytes of a version; undefined if it was destroyed or pruned, or never existed. */
  findSealed(request: VersionRequest): Promise<Uint8Array | undefined>;
  /** As `find`, with those that used the credential last. */
  findUsed(request: FindRequest): Promise<UsedCredential | undefined>;
  list(request: PageRequest): Promise<readonly Credential[]>;
  count(request: CountRequest): Promise<number>;
  /**
   * Returns a page of the credentials that match a filter. It looks at a limited number of rows for a limited time, and then ends.
   *
   * @throws VaultError `resource_exhausted` with the reason `TOO_MANY_ROWS`, if an order has no index and there are too many rows
   */
  search(request: SearchRequest): Promise<SearchPage>;
  /** @throws VaultError `resource_exhausted` with the reason `TOO_MANY_ROWS`, if counting needs too long */
  countMatches(request: MatchCount): Promise<number>;
  /** The versions of a credential from the newest to the oldest, without their contents. */
  listVersions(request: VersionPageRequest): Promise<readonly VersionRecord[]>;
  /** Adds uses in the order of ids, without a new revision. */
  recordUses(uses: readonly Usage[]): Promise<void>;
  /** As `ConsumerStore` describes it. */
  recordConsumers(uses: readonly ConsumerUse[]): Promise<void>;
}

/** A credential with its newest consumers, the newest first, at most `consumersMax`. */
export interface UsedCredential {
  readonly credential: Credential;
  readonly consumers: readonly Consumer[];
}

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
