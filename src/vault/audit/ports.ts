import type { AuditHead, LedgerEntry, ChainedEvent, UnreadableEvent } from './audit-chain.ts';
import type { AuditEvent } from './audit-event.ts';
import type { TrailLoss } from './trail-loss.ts';
import type { TrailVerification, VerificationOptions } from './verification.ts';

/** The keyed MAC of the audit trail. An attacker with write access to the database cannot compute it. */
export interface AuditMac {
  /** @param fields in a fixed order; the first one separates domains */
  compute(fields: readonly (string | Uint8Array | null)[]): Uint8Array;
}

/** Chains events and ledger entries. It is stateless: the committed rows determine the head. */
export interface AuditChain {
  /** The head of an empty stream. */
  readonly origin: AuditHead;
  link(stream: string, head: AuditHead, event: AuditEvent): ChainedEvent;
  /** Whether the MAC is valid for the event in its position. */
  isGenuine(chained: ChainedEvent): boolean;
  /** @param previous the previous entry; undefined for the first one */
  enter(previous: LedgerEntry | undefined, line: Pick<LedgerEntry, 'kind' | 'stream' | 'time' | 'heads'>): LedgerEntry;
  /** Whether an entry is valid after another one. */
  follows(previous: LedgerEntry | undefined, entry: LedgerEntry): boolean;
}

/** Writes an event without a change: a failed login, a denied call. */
export interface AuditStore {
  append(event: AuditEvent): Promise<void>;
}

/** The row of a credential at one time, with its states in the trail. */
export interface CredentialEvidence {
  readonly workspaceId: string;
  readonly id: string;
  /** Undefined if the row does not exist. */
  readonly row:
    | {
        /** Whether its MAC is valid. */
        readonly isGenuine: boolean;
        /** Whether the columns that the MAC does not cover, its uses, are readable. */
        readonly isReadable: boolean;
        readonly revision: number;
        readonly updatedAt: Date;
        /** In the serialization of events. */
        readonly state: string | undefined;
      }
    | undefined;
  /** The state with the highest revision in any event; undefined if no event has one. */
  readonly recorded: { readonly revision: number; readonly state: string } | undefined;
  /** Whether two events have different states of one revision: an earlier state was restored and then changed. */
  readonly isForked: boolean;
}

/** A version of a credential that is stored, or should be. */
export interface VersionEvidence {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly currentVersion: number;
  /** Versions before it were pruned; null if none was. */
  readonly oldestVersion: number | null;
  /** Null if the credential has no version. */
  readonly version: number | null;
  /** Null if it was destroyed. */
  readonly sealed: Uint8Array | null;
  readonly isDestroyed: boolean;
  /** Whether the row's MAC, which does not cover the sealed bytes, is valid. */
  readonly isGenuine: boolean;
}

/** A row that grants access, or a version, that differs from what Coffer last wrote, or from its last event. */
export interface GrantEvidence {
  readonly table: string;
  readonly id: string;
  readonly flaw: GrantFlaw;
}

/**
 * `changed`: its MAC is invalid. `unreadable`: a column that the MAC does not cover is unreadable. `removed`: it is missing.
 * `restored`: it is present after its deletion. `revived`: it is valid after its revocation. `reverted`: it is in an earlier
 * state. `forked`: it was in an earlier state and was then changed.
 */
export type GrantFlaw = 'changed' | 'unreadable' | 'removed' | 'restored' | 'revived' | 'reverted' | 'forked';

/** Reads the rows that decisions rely on, in one snapshot and in batches. */
export interface RecordReader {
  credentials(): AsyncIterable<readonly CredentialEvidence[]>;
  grants(): AsyncIterable<readonly GrantEvidence[]>;
}

/** Reads the versions of credentials in batches, each in a separate snapshot: versions may be added, destroyed and pruned meanwhile. */
export interface VersionReader {
  readVersions(signal: AbortSignal | undefined): AsyncIterable<readonly VersionEvidence[]>;
  /** Whether a workspace exists and is not deleted. */
  workspaceExists(workspaceId: string, signal: AbortSignal | undefined): Promise<boolean>;
}

/** Selects events. An absent condition does not restrict them. */
export interface AuditEventFilter {
  /** The earliest time, inclusive. */
  readonly from?: Date;
  /** The latest time, exclusive. */
  readonly until?: Date;
  /** The id of the user or API key. */
  readonly actorId?: string;
  readonly action?: string;
  readonly resourceId?: string;
}

/** One page of events, the newest first. */
export interface AuditEventRequest extends AuditEventFilter {
  /** Null for the events of the instance. */
  readonly workspaceId: string | null;
  /** The page starts after the event with this id. */
  readonly after?: string;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** The trail in one snapshot. */
export interface AuditTrailReader {
  readonly ledger: readonly LedgerEntry[];
  /**
   * The events in the order of their streams and numbers, in batches.
   *
   * @param after heads by stream: events of these streams before the head are skipped
   */
  read(after: ReadonlyMap<string, AuditHead>): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** An estimate of the number of events, without those that `read` skips, and rows. */
  estimateTotal(after: ReadonlyMap<string, AuditHead>): Promise<number>;
  /** The rows that the trail describes. */
  readonly records: RecordReader;
}

/** Reads the trail. */
export interface AuditTrailStore {
  listAuditEvents(request: AuditEventRequest): Promise<readonly AuditEvent[]>;
  /** All events in the order of their streams and numbers, in batches; events written in the meantime may be included. */
  readEvents(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** Runs `work` on one snapshot of the trail, while writes continue. */
  readTrail<Result>(work: (trail: AuditTrailReader) => Promise<Result>, signal?: AbortSignal): Promise<Result>;
  readonly versions: VersionReader;
}

/** Verifies the trail. */
export interface TrailVerifier {
  /** @param expected heads that must exist, by stream */
  verify(expected: ReadonlyMap<string, AuditHead>, options?: VerificationOptions): Promise<TrailVerification>;
}

/** Finds and acknowledges lost events. */
export interface TrailLossStore {
  /**
   * The losses that are not acknowledged, including those of other processes. A loss of this process's stream is first recorded
   * in the trail and its ledger, if the database is writable.
   */
  find(): Promise<readonly TrailLoss[]>;
  /**
   * Acknowledges all losses, each by a ledger entry and an event.
   *
   * @returns the acknowledged losses
   */
  acknowledge(): Promise<readonly TrailLoss[]>;
}
