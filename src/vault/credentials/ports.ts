import type { AuditEvent } from '../audit/audit-event.ts';
import type { Credential, CredentialState, SealedVersion } from './credential.ts';
import type { VaultError } from '../errors.ts';
import type { Reference } from '../ids.ts';
import type { KeyScope } from '../key-scope.ts';
import type { Usage } from '../usage/usage-recorder.ts';

/** A credential as it was found for a decision. */
export interface FoundCredential {
  readonly credential: Credential;
  /** Its current version; only where the decision asked for it, and undefined as well where it is not there. */
  readonly current: SealedVersion | undefined;
  /** Whether all that it says is as it was written; where not, nothing may be decided by it. */
  readonly isGenuine: boolean;
}

/** What is to be written for one call, with the event that tells of it, and what to answer once it is durable. */
export type Decision<Answer> =
  | {
      readonly event: AuditEvent;
      readonly answer: Answer;
      readonly insert?: { readonly credential: Credential; readonly version: SealedVersion };
      /** The whole new state; `version` is added where the secret changed. */
      readonly update?: { readonly credential: Credential; readonly version?: SealedVersion };
    }
  | Refusal;

/** Nothing is written but the event, and the caller is refused. */
export interface Refusal {
  readonly event: AuditEvent;
  readonly refusal: VaultError;
}

/** An API key or session by which a caller was proved a moment ago. */
export interface RevocationCheck {
  readonly id: string;
  /** Decides where it has ended since, instead of the decision. */
  readonly refuse: (found: Credential) => Refusal;
}

/**
 * How a credential is named: by id, or by its name. Several may have one name: then the one to which it belongs exclusively
 * is meant, else the oldest that lives.
 */
export type CredentialReference = Reference | { readonly name: string };

/** Which credential a decision is about. */
export interface DecisionTarget {
  readonly workspaceId: string;
  /** Absent for a create; a name is not for changing, since the lock may be waited for until another has it. */
  readonly reference?: CredentialReference;
  /** The exclusive name that a create is going to take, so that it is looked up together with all else. */
  readonly exclusiveName?: string;
  /** Also find one that has been deleted. */
  readonly deletedToo?: boolean;
  /** Load the current sealed version. */
  readonly sealed?: boolean;
  /** Look at the same moment whether the caller still is who he was proved to be; only with `sealed` and without a lock. */
  readonly revocationCheck?: RevocationCheck | undefined;
  /** Take the row's lock, since the decision changes it. */
  readonly lock?: boolean;
  readonly signal: AbortSignal;
}

/** Which credential is to be shown. */
export interface FindRequest {
  readonly workspaceId: string;
  readonly reference: CredentialReference;
  /** Also find one that has been deleted. */
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** Which credentials of a workspace are meant. What is absent does not limit them; an empty list has no fitting value. */
export interface CredentialFilter {
  /** Only those whose name is this. */
  readonly name?: string;
  /** Only those whose provider is one of these. */
  readonly providers?: readonly string[];
  /** Only those whose auth type is, without regard to case, one of these. */
  readonly authTypes?: readonly string[];
  /** Only those whose auth type is, without regard to case, none of these. */
  readonly authTypesExcept?: readonly string[];
  /** Only those whose category is one of these. */
  readonly categories?: readonly string[];
  /** Only those that are in one of these states now. */
  readonly states?: readonly Exclude<CredentialState, 'DELETED'>[];
  /** Only those that an API key is for. */
  readonly keyScope?: KeyScope;
  /** Only those whose name or description holds this, without regard to case. */
  readonly search?: string;
}

/** What is counted. */
export interface CountRequest extends CredentialFilter {
  readonly workspaceId: string;
  /** The moment whose states are meant. */
  readonly now: Date;
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** What a list may be sorted by; ids decide between equals. Names are in the order of the database's collation. */
export type CredentialSort = 'createdAt' | 'updatedAt' | 'name';

/**
 * One page of a list: those that follow a place, in the list's order. Places are named by credentials of the workspace,
 * which may have been deleted or not fit the filter; behind and before an unknown one there is nothing.
 */
export interface PageRequest extends CountRequest {
  /** `createdAt` where absent. */
  readonly sortBy?: CredentialSort;
  readonly order: 'ascending' | 'descending';
  /** Continue behind the credential of this id. */
  readonly after?: string;
  /** End before the credential of this id; without `after` those next to it are meant, not the first of the list. */
  readonly before?: string;
  /** Leave out so many more. */
  readonly skip?: number;
  /** From 1. */
  readonly size: number;
}

/** Keeps credentials, their sealed versions and the events about them. */
export interface CredentialStore {
  /**
   * Runs one decision in one transaction: finds, lets `decide` choose (synchronously, without side effects, perhaps
   * several times), writes what it chose together with its event, commits, and only then answers or refuses.
   *
   * @throws VaultError `name_taken` or `id_taken` where an insert or update collides; what `decide` throws, with nothing written
   */
  decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined) => Decision<Answer>,
  ): Promise<Answer>;
  /** Metadata alone; ciphertext is not loaded. */
  find(request: FindRequest): Promise<Credential | undefined>;
  list(request: PageRequest): Promise<readonly Credential[]>;
  count(request: CountRequest): Promise<number>;
  /** Adds uses in id order, without touching revisions. */
  recordUses(uses: readonly Usage[]): Promise<void>;
}
