import type { AuditHead, LedgerEntry, ChainedEvent, UnreadableEvent } from './audit-chain.ts';
import type { AuditEvent } from './audit-event.ts';
import type { TrailLoss } from './trail-loss.ts';
import type { TrailVerification, VerificationOptions } from './verification.ts';

/** The keyed MAC of the audit trail, so that whoever writes to the database can't write history. */
export interface AuditMac {
  /** @param fields in a fixed order; the first one separates the domains */
  compute(fields: readonly (string | Uint8Array | null)[]): Uint8Array;
}

/** Chains events and the lines of the ledger. It keeps no state: what commits decides where the head is. */
export interface AuditChain {
  /** What a stream begins behind. */
  readonly origin: AuditHead;
  link(stream: string, head: AuditHead, event: AuditEvent): ChainedEvent;
  /** Whether the MAC is that of the event in its place. */
  isGenuine(chained: ChainedEvent): boolean;
  /** @param previous the entry before; undefined for the first one */
  enter(previous: LedgerEntry | undefined, line: Pick<LedgerEntry, 'kind' | 'stream' | 'time' | 'heads'>): LedgerEntry;
  /** Whether an entry follows another one. */
  follows(previous: LedgerEntry | undefined, entry: LedgerEntry): boolean;
}

/** Writes an event that stands alone: a login that failed, a call that was denied. */
export interface AuditStore {
  append(event: AuditEvent): Promise<void>;
}

/** What is stored of a credential at one moment, beside what the trail tells of it. */
export interface CredentialEvidence {
  readonly workspaceId: string;
  readonly id: string;
  /** Undefined where there is no such row. */
  readonly row:
    | {
        /** Whether its MAC is that of all that it says. */
        readonly isGenuine: boolean;
        /** Whether what its MAC does not cover, its uses, can be read. */
        readonly isReadable: boolean;
        readonly revision: number;
        readonly updatedAt: Date;
        /** As events tell it. */
        readonly state: string | undefined;
      }
    | undefined;
  /** The state with the highest revision that any event tells; undefined where none does. */
  readonly told: { readonly revision: number; readonly state: string } | undefined;
  /** Events tell two states of one revision: an earlier one was put back, and changed once more. */
  readonly isForked: boolean;
}

/** A version of a credential that is stored, or should be. */
export interface VersionEvidence {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly currentVersion: number;
  /** Null where the credential has none at all. */
  readonly version: number | null;
  readonly sealed: Uint8Array;
  /** Whether the row's MAC is that of all that it says beside its sealed bytes. */
  readonly isGenuine: boolean;
}

/** A row that grants something, and is not what it was when Coffer last wrote it, or told of it. */
export interface GrantEvidence {
  readonly table: string;
  readonly id: string;
  readonly flaw: GrantFlaw;
}

/**
 * Its MAC fails; what its MAC does not cover cannot be read; it is gone; it is back, though it was deleted; it is in force again, though that was ended; it is in an earlier
 * state; or it was so, and was changed once more.
 */
export type GrantFlaw = 'changed' | 'unreadable' | 'removed' | 'restored' | 'revived' | 'reverted' | 'forked';

/** The rows that decide something, as they were at one moment: of each kind some at a time. */
export interface RecordReader {
  credentials(): AsyncIterable<readonly CredentialEvidence[]>;
  grants(): AsyncIterable<readonly GrantEvidence[]>;
}

/** Reads the versions of credentials, some at a time, each part at a moment of its own: they never change. */
export interface VersionReader {
  readVersions(signal: AbortSignal | undefined): AsyncIterable<readonly VersionEvidence[]>;
  /** Whether a workspace is there, and was not deleted meanwhile. */
  workspaceExists(workspaceId: string, signal: AbortSignal | undefined): Promise<boolean>;
}

/** Which events are wanted. What is absent does not limit them. */
export interface AuditEventFilter {
  /** Not before this. */
  readonly from?: Date;
  /** Before this. */
  readonly until?: Date;
  /** The id of the user or API key. */
  readonly actorId?: string;
  readonly action?: string;
  readonly resourceId?: string;
}

/** One page of events, the newest first. */
export interface AuditEventRequest extends AuditEventFilter {
  /** Null means those that concern the instance. */
  readonly workspaceId: string | null;
  /** Continue behind the event of this id. */
  readonly after?: string;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** The trail as it was at one moment. */
export interface AuditTrailReader {
  readonly ledger: readonly LedgerEntry[];
  /**
   * The events in the order of their streams and numbers, some at a time.
   *
   * @param after heads by stream: of these streams, events before the head are left out
   */
  read(after: ReadonlyMap<string, AuditHead>): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** About how many events, without those that `read` leaves out, and rows there are. */
  estimateTotal(after: ReadonlyMap<string, AuditHead>): Promise<number>;
  /** The rows that the trail tells of. */
  readonly records: RecordReader;
}

/** Shows what the trail holds. */
export interface AuditTrailStore {
  listAuditEvents(request: AuditEventRequest): Promise<readonly AuditEvent[]>;
  /** All events in the order of their streams and numbers, some at a time; what is written meanwhile may come along. */
  readEvents(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** Lets work read the trail as it is at one moment, while others go on writing. */
  readTrail<Result>(work: (trail: AuditTrailReader) => Promise<Result>, signal?: AbortSignal): Promise<Result>;
  readonly versions: VersionReader;
}

/** Holds the trail against its chain. */
export interface TrailVerifier {
  /** @param expected heads that must be there, by stream */
  verify(expected: ReadonlyMap<string, AuditHead>, options?: VerificationOptions): Promise<TrailVerification>;
}

/** Finds and acknowledges lost events. */
export interface TrailLossStore {
  /**
   * The losses that are not acknowledged, those of other processes too. What this process's own stream lacks is recorded in the
   * trail and its ledger first, where the database can be written.
   */
  find(): Promise<readonly TrailLoss[]>;
  /**
   * Acknowledges all losses, each by a line of the ledger and an event.
   *
   * @returns what was acknowledged
   */
  acknowledge(): Promise<readonly TrailLoss[]>;
}
