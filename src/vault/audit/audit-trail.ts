import type { AuditEvent } from './audit-event.ts';
import { parseHead, type AuditHead } from './audit-chain.ts';
import { authorize, authorizeOwner, type Call } from '../caller.ts';
import { invalidArgument } from '../errors.ts';
import { parseId } from '../ids.ts';
import { checkPageSize } from '../page.ts';
import type { AuditEventRequest, AuditTrailStore, TrailVerifier } from './ports.ts';
import { followVerification, type VerificationItem, type TrailVerification } from './verification.ts';

export interface AuditTrailParts {
  readonly store: AuditTrailStore;
  readonly verifier: TrailVerifier;
}

/** Heads that the caller has kept, by stream. */
export interface VerificationHeads {
  readonly expected: ReadonlyMap<string, string>;
  readonly verified: ReadonlyMap<string, string>;
}

/** A page of events, as the caller requests it. */
export type AuditEventPage = Omit<AuditEventRequest, 'workspaceId' | 'signal'>;

/** Lists events of the audit trail, and verifies that it is complete and unchanged. */
export class AuditTrail {
  readonly #parts: AuditTrailParts;

  constructor(parts: AuditTrailParts) {
    this.#parts = parts;
  }

  /** The events of the call's workspace, the newest first; for its admins. */
  async listAuditEvents(call: Call, page: AuditEventPage): Promise<readonly AuditEvent[]> {
    authorize(call, 'audit.read');
    return this.#list({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  /** The events of the instance, which belong to no workspace, the newest first; for owners. */
  async listInstanceEvents(call: Call, page: AuditEventPage): Promise<readonly AuditEvent[]> {
    authorizeOwner(call.caller, 'audit.verify');
    return this.#list({ ...page, workspaceId: null, signal: call.signal });
  }

  /**
   * Verifies the trail of all workspaces against its chain, and the rows that it describes against the trail; for owners.
   *
   * @param expected heads that were logged or returned earlier, by stream
   * @throws VaultError `invalid_argument` for a malformed stream or head
   */
  async verifyAuditTrail(call: Call, expected: ReadonlyMap<string, string>): Promise<TrailVerification> {
    authorizeOwner(call.caller, 'audit.verify');
    return this.#parts.verifier.verify(readHeads('expected_heads', expected), { signal: call.signal });
  }

  /**
   * As `verifyAuditTrail`; yields progress and faults as they occur, and the result at the end.
   *
   * @param heads that were logged or returned earlier: `expected` must exist, and events before `verified` are skipped
   * @throws as `verifyAuditTrail`
   */
  async *streamVerifyAuditTrail(call: Call, heads: VerificationHeads): AsyncGenerator<VerificationItem> {
    authorizeOwner(call.caller, 'audit.verify');
    const expected = readHeads('expected_heads', heads.expected);
    const verified = readHeads('verified_heads', heads.verified);
    yield* followVerification(call.signal, (observing) =>
      this.#parts.verifier.verify(expected, { ...observing, verified }),
    );
  }

  async #list(request: AuditEventRequest): Promise<readonly AuditEvent[]> {
    checkPageSize(request.size);
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
