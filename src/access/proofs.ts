import { apiKeyProof } from './api-key-proof.ts';
import type { Proof } from './proof.ts';
import { sessionProof } from './session-proof.ts';

/** Every way to prove oneself by a token. Their forms exclude one another, so that the order says nothing. */
export const proofs: readonly Proof[] = [apiKeyProof, sessionProof];
