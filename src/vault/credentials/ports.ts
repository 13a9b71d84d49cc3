import type { Credential, CredentialState, VersionRecord } from './credential.ts';
import type { Consumer } from '../consumer.ts';
import type { KeyScope } from '../key-scope.ts';
import type { MatchCount, SearchPage, SearchRequest } from './search-ports.ts';
import type { Keeping } from '../requests/ports.ts';
import type { ConsumerUse } from '../usage/consumer-recorder.ts';
import type { Usage } from '../usage/usage-recorder.ts';
import type {
  FoundCredential,
  Decision,
  CredentialReference,
  FoundMatches,
  DecisionTarget,
  JointDecisions,
  JointResult,
  FoundReference,
} from './decision-ports.ts';

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
