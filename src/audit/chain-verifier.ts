import type { AuditChain, AuditTrailStore, TrailVerifier } from '../vault/audit/ports.ts';
import type { AuditHead, StreamHead } from '../vault/audit/audit-chain.ts';
import type { TrailFault, TrailVerification, VerificationOptions } from '../vault/audit/verification.ts';
import type { WorkspaceCipherSource } from '../vault/workspaces/ports.ts';
import { VerificationProgress } from './verification-progress.ts';
import { verifyTrail } from './verify-trail.ts';
import { verifyVersions } from './verify-versions.ts';

/** The audit trail does not verify. Nothing may be deleted, because what is left may be needed as evidence. */
export class TrailDamagedError extends Error {
  constructor({ stream, message }: TrailFault) {
    super(`nothing is pruned, since the audit trail is not as it was written: ${stream}: ${message}`);
    this.name = 'TrailDamagedError';
  }
}

/** What verifying works with. */
export interface ChainVerifierParts {
  readonly chain: AuditChain;
  readonly store: Pick<AuditTrailStore, 'readTrail' | 'versions'>;
  /** Opens the versions of secrets in their places. */
  readonly ciphers: WorkspaceCipherSource;
  /** The last event that this process is known to have written. */
  readonly ownHead: () => StreamHead | undefined;
}

/** Verifies the trail against the chain, and against what this process knows that it has written; then rows against the trail. */
export class ChainVerifier implements TrailVerifier {
  readonly #parts: ChainVerifierParts;

  constructor(parts: ChainVerifierParts) {
    this.#parts = parts;
  }

  async verify(
    expected: ReadonlyMap<string, AuditHead>,
    { observer, signal, verified = new Map() }: VerificationOptions = {},
  ): Promise<TrailVerification> {
    const { chain, ownHead, ciphers, store } = this.#parts;
    const progress = new VerificationProgress(observer, signal);
    // Before the trail is read: it must hold at least this.
    const own = ownHead();
    const found = await store.readTrail(
      (trail) => verifyTrail({ chain, trail, expected, verified, own, progress }),
      signal,
    );
    for await (const fault of verifyVersions({ reader: store.versions, ciphers, progress, signal })) {
      progress.add(fault);
    }
    progress.end();
    return { ...found, intact: progress.faultCount === 0, faults: progress.faults };
  }
}
