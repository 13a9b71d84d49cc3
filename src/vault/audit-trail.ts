import type { AuditEvent } from './audit-event.ts';
import { parseHead, type AuditHead, type ChainedEvent, type LedgerEntry, type UnreadableEvent } from './audit-ports.ts';
import { authorize, authorizeOwner, type Call } from './caller.ts';
import { invalidArgument } from './errors.ts';
import { parseId } from './ids.ts';
import { limits } from './limits.ts';
import type { RecordReader, VersionReader } from './record-evidence.ts';
import type { AcknowledgedLoss } from './trail-loss.ts';
import { followVerification, type VerificationNews } from './follow-verification.ts';

/** What happened to a place of the trail. */
export type TrailFaultKind = 'CHANGED' | 'REMOVED' | 'INSERTED' | 'REORDERED' | 'STREAM_MISSING' | 'TAIL_CUT';

/** The name that stands for the stream where a fault is the ledger's own. */
export const ledgerName = 'ledger';

/** A place where the trail, or a row that it tells of, is not as it was written. */
export interface TrailFault {
  readonly kind: TrailFaultKind;
  /** The stream's id, `ledgerName`, or the table of a row. */
  readonly stream: string;
  /** The first event, or line, that is concerned; 0 for a row. */
  readonly sequence: number;
  readonly message: string;
}

/** What verifying the trail found. */
export interface TrailVerification {
  readonly intact: boolean;
  readonly eventCount: number;
  /** The last event of each stream, as `spellHead` has it: for expecting it the next time. */
  readonly heads: ReadonlyMap<string, string>;
  /** The first ones, in the order of the streams; then those of rows. */
  readonly faults: readonly TrailFault[];
  /** Events that the database lost, and whose loss an operator acknowledged: they are no faults. */
  readonly acknowledgedLosses: readonly AcknowledgedLoss[];
}

/** Is told of a verification while it goes on; must not throw. */
export interface VerificationObserver {
  /** @param total an estimate, which grows where there is more */
  onProgress(done: number, total: number): void;
  /** Told of each fault that the result will hold. */
  onFault(fault: TrailFault): void;
}

/** How a verification differs from an ordinary one. */
export interface VerificationOptions {
  /** Heads up to which the trail was verified before, by stream: events before them are skipped. */
  readonly verified?: ReadonlyMap<string, AuditHead>;
  readonly observer?: VerificationObserver;
  /** Ends it. */
  readonly signal?: AbortSignal;
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

/** What showing the trail works with. */
export interface AuditTrailParts {
  readonly store: AuditTrailStore;
  readonly verifier: TrailVerifier;
}

/** Heads as callers have kept them, by stream. */
export interface VerificationHeads {
  readonly expected: ReadonlyMap<string, string>;
  readonly verified: ReadonlyMap<string, string>;
}

/** A page as a caller asks for it. */
export type AuditEventPage = Omit<AuditEventRequest, 'workspaceId' | 'signal'>;

/** Shows the audit trail to those whom it concerns, and proves that it is whole. */
export class AuditTrail {
  readonly #parts: AuditTrailParts;

  constructor(parts: AuditTrailParts) {
    this.#parts = parts;
  }

  /** The events of the call's workspace, the newest first; for its admins. */
  async listAuditEvents(call: Call, page: AuditEventPage): Promise<readonly AuditEvent[]> {
    authorize(call.caller, call.workspaceId, 'audit.read');
    return this.#list({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  /** The events that concern the instance and no workspace, the newest first; for owners. */
  async listInstanceEvents(call: Call, page: AuditEventPage): Promise<readonly AuditEvent[]> {
    authorizeOwner(call.caller, 'audit.verify');
    return this.#list({ ...page, workspaceId: null, signal: call.signal });
  }

  /**
   * Holds the whole trail, of all workspaces, against its chain, and against it the rows that it tells of; for owners.
   *
   * @param expected heads as they were logged or answered before, by stream
   * @throws VaultError `invalid_argument` for what is no stream or no head
   */
  async verifyAuditTrail(call: Call, expected: ReadonlyMap<string, string>): Promise<TrailVerification> {
    authorizeOwner(call.caller, 'audit.verify');
    return this.#parts.verifier.verify(readHeads('expected_heads', expected), { signal: call.signal });
  }

  /**
   * As `verifyAuditTrail`, with progress and faults as they are found; last comes the result.
   *
   * @param heads those that were logged or answered before: `expected` must be there, and up to `verified` nothing is looked at
   * @throws as `verifyAuditTrail`
   */
  async *streamVerifyAuditTrail(call: Call, heads: VerificationHeads): AsyncGenerator<VerificationNews> {
    authorizeOwner(call.caller, 'audit.verify');
    const expected = readHeads('expected_heads', heads.expected);
    const verified = readHeads('verified_heads', heads.verified);
    yield* followVerification(call.signal, (observing) =>
      this.#parts.verifier.verify(expected, { ...observing, verified }),
    );
  }

  async #list(request: AuditEventRequest): Promise<readonly AuditEvent[]> {
    if (!(request.size >= 1 && request.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.listAuditEvents(request);
  }
}

function readHeads(field: string, heads: ReadonlyMap<string, string>): ReadonlyMap<string, AuditHead> {
  const read = ([stream, text]: readonly [string, string]): [string, AuditHead] => {
    const [id, head] = [parseId(stream), parseHead(text)];
    if (id === undefined || !head) throw invalidArgument(field, 'must name streams and their heads');
    return [id, head];
  };
  return new Map([...heads].map(read));
}
