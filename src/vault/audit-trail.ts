import type { AuditEvent } from './audit-event.ts';
import { parseHead, type AuditHead, type ChainedEvent, type LedgerEntry, type UnreadableEvent } from './audit-ports.ts';
import { authorize, authorizeOwner, type Call } from './caller.ts';
import { invalidArgument } from './errors.ts';
import { parseId } from './ids.ts';
import { limits } from './limits.ts';
import type { RecordReader, VersionReader } from './record-evidence.ts';

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
  /** All events in the order of their streams and numbers, some at a time. */
  read(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** The rows that the trail tells of. */
  readonly records: RecordReader;
}

/** Shows what the trail holds. */
export interface AuditTrailStore {
  listAuditEvents(request: AuditEventRequest): Promise<readonly AuditEvent[]>;
  /** All events in the order of their streams and numbers, some at a time; what is written meanwhile may come along. */
  readEvents(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>;
  /** Lets work read the trail as it is at one moment, while others go on writing. */
  readTrail<Result>(work: (trail: AuditTrailReader) => Promise<Result>): Promise<Result>;
  readonly versions: VersionReader;
}

/** Holds the trail against its chain. */
export interface TrailVerifier {
  /** @param expected heads that must be there, by stream */
  verify(expected: ReadonlyMap<string, AuditHead>): Promise<TrailVerification>;
}

/** What showing the trail works with. */
export interface AuditTrailParts {
  readonly store: AuditTrailStore;
  readonly verifier: TrailVerifier;
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
    return this.#parts.verifier.verify(new Map([...expected].map(readExpectedHead)));
  }

  async #list(request: AuditEventRequest): Promise<readonly AuditEvent[]> {
    if (!(request.size >= 1 && request.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.listAuditEvents(request);
  }
}

function readExpectedHead([stream, text]: readonly [string, string]): [string, AuditHead] {
  const [id, head] = [parseId(stream), parseHead(text)];
  if (id === undefined || !head) throw invalidArgument('expected_heads', 'must name streams and their heads');
  return [id, head];
}
