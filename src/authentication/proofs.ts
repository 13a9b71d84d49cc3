import { apiKeyProof } from './api-key-proof.ts';
import { jwtProof } from './jwt-proof.ts';
import { certificateProof } from './certificate-proof.ts';
import type { CertificateProof, Proof } from './proof.ts';
import { sessionProof } from './session-proof.ts';

/** Every way to prove oneself by a token. Their forms exclude one another, so that the order says nothing. */
export const proofs: readonly Proof[] = [apiKeyProof, sessionProof, jwtProof];

/** Every way to prove oneself by a certificate, each asked in turn. */
export const certificateProofs: readonly CertificateProof[] = [certificateProof];
