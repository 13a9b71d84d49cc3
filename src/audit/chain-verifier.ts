import type { AuditChain, AuditHead, StreamHead } from '../vault/audit-ports.ts';
import type { AuditTrailStore, TrailVerification, TrailVerifier } from '../vault/audit-trail.ts';
import { verifyTrail } from './verify-trail.ts';

/** What verifying works with. */
export interface ChainVerifierParts {
  readonly chain: AuditChain;
  readonly store: Pick<AuditTrailStore, 'readTrail'>;
  /** The last event that this process is known to have written. */
  readonly ownHead: () => StreamHead | undefined;
}

/** Verifies the trail against the chain, and against what this process knows that it has written. */
export class ChainVerifier implements TrailVerifier {
  readonly #parts: ChainVerifierParts;

  constructor(parts: ChainVerifierParts) {
    this.#parts = parts;
  }

  async verify(expected: ReadonlyMap<string, AuditHead>): Promise<TrailVerification> {
    const { chain, ownHead, store } = this.#parts;
    // Before the trail is read: it must hold at least this.
    const own = ownHead();
    return store.readTrail((trail) => verifyTrail({ chain, trail, expected, own }));
  }
}
