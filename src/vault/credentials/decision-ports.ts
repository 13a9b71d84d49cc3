import type { AuditEvent } from '../audit/audit-event.ts';
import type { Credential, SealedVersion, StoredVersion } from './credential.ts';
import type { VaultError } from '../errors.ts';
import type { Reference } from '../ids.ts';
import type { KeyScope } from '../key-scope.ts';

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
