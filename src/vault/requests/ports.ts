import type { ScopedRecord } from '../key-scope.ts';
import type { BatchResult } from '../worker-task.ts';

/** A request id that a caller has sent, with what identifies the request. */
export interface RequestClaim {
  /** The workspace of the id; the nil UUID for the instance. */
  readonly workspaceId: string;
  /** 32 bytes: a keyed hash of workspace, caller and id. */
  readonly key: Uint8Array;
  /** 32 bytes: a keyed hash of the rpc and of the whole request but its id. */
  readonly digest: Uint8Array;
  /** When it was sent. */
  readonly claimedAt: Date;
}

/** How long an answer is kept, in milliseconds. Then its id counts as unused. */
export const keptForMs = 86_400_000;

/** The answer to the first request under an id. */
export interface KeptAnswer {
  /** Whether the first request was the same one. */
  readonly isSame: boolean;
  /** As `Keeping` has serialized it. */
  readonly answer: Uint8Array;
}

/** How the answer of a mutation is kept with it, in one transaction. */
export interface Keeping<Result> {
  readonly claim: RequestClaim;
  /**
   * Serializes the answer; undefined for a refusal, which is not kept.
   *
   * @throws VaultError `resource_exhausted` if it is too large to be kept
   */
  readonly serialize: (result: Result) => Uint8Array | undefined;
  /** Whether a credential is within the scope of the caller's key, which is checked before an earlier answer is looked for. */
  readonly isVisible?: (credential: ScopedRecord) => boolean;
}

/** Finds the answers of earlier requests. */
export interface RequestStore {
  /**
   * Finds the answer that was kept under the claimed id within the last 24 hours before its time.
   *
   * @throws VaultError `secret_unreadable` if the MAC of the record is wrong
   */
  find(claim: RequestClaim, signal: AbortSignal): Promise<KeptAnswer | undefined>;
  /** Removes records that have expired, at most 200; by the clock of the database as well. */
  sweep(now: Date): Promise<BatchResult>;
}

/** The keyed hash of the instance, as `GrantMac`. */
export interface RequestMac {
  /** @param label separates domains */
  compute(label: string, fields: readonly (string | Uint8Array | null)[]): Uint8Array;
}
