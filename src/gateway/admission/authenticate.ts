import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../../vault/caller.ts';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import type { BoundRpc } from '../contract/bound-rpc.ts';
import type { RequestHeaders } from '../request/request-headers.ts';

/**
 * Finds out who is calling, from a request's headers and the certificate that its connection's peer had to present, if any.
 *
 * @returns undefined where the request proves nobody
 * @throws VaultError `token_invalid` or `token_expired`
 */
export type Authenticate = (
  headers: RequestHeaders,
  signal: AbortSignal,
  peerCertificate: X509Certificate | undefined,
) => Promise<Caller | undefined>;

/** What a request proves its caller by. */
export interface Evidence {
  readonly headers: RequestHeaders;
  readonly peerCertificate: X509Certificate | undefined;
  /** Such a request proves nobody, not even by its certificate. */
  readonly hasSeveralAuthorizations: boolean;
  /** Keeps its place as soon as one of its calls is authenticated. */
  readonly connection: { markAuthenticated(): void } | undefined;
  /** Too many calls of the peer are in flight. */
  readonly isCrowded: boolean;
  /** The peer's address. */
  readonly peer: string;
  readonly signal: AbortSignal;
}

/** What a request's exchange holds of its caller, with the headers that may prove it. */
export function evidenceOf(
  exchange: Omit<Evidence, 'headers' | 'signal'>,
  headers: RequestHeaders,
  signal: AbortSignal,
): Evidence {
  const { peerCertificate, hasSeveralAuthorizations, connection, isCrowded, peer } = exchange;
  return { headers, signal, peerCertificate, hasSeveralAuthorizations, connection, isCrowded, peer };
}

/** Who is calling, or why that can't be told. */
export interface Proof {
  readonly caller: Caller | undefined;
  readonly refusal?: unknown;
  readonly evidence: Evidence;
  /** When it was asked for, by the monotonic clock. */
  readonly askedAtMs: number;
}

/**
 * For how long a proof counts that was made before its request had come whole, in milliseconds. It may rest upon what was
 * known 0.9 s before, and a revocation is to hold within a second.
 */
export const proofLastsMsDefault = 100;

/** Asks who is calling, and keeps a refusal for later: which dialect renders it may not be known yet. */
export interface Prover {
  prove(evidence: Evidence): Promise<Proof>;
  /** Asks once more where the proof is too old: a key may have ended while its body was on the way. */
  renew(proof: Proof): Promise<Proof>;
}

/** @param lastsMs for how long a proof counts */
export function createProver(authenticate: Authenticate, lastsMs: number): Prover {
  const prove = async (evidence: Evidence): Promise<Proof> => {
    const { headers, peerCertificate, signal } = evidence;
    const askedAtMs = performance.now();
    try {
      if (evidence.hasSeveralAuthorizations) {
        const cause = new Error('the request has more than one Authorization');
        throw new VaultError('token_invalid', 'Invalid token', {}, { cause });
      }
      const caller = await authenticate(headers, signal, peerCertificate);
      if (caller) evidence.connection?.markAuthenticated();
      return { caller, evidence, askedAtMs };
    } catch (refusal) {
      return { caller: undefined, refusal, evidence, askedAtMs };
    }
  };
  return {
    prove,
    renew: (proof) => (performance.now() - proof.askedAtMs > lastsMs ? prove(proof.evidence) : Promise.resolve(proof)),
  };
}

const tokenCodes: ReadonlySet<VaultErrorCode> = new Set(['token_missing', 'token_invalid', 'token_expired']);

/**
 * The caller of an rpc. A bad token proves nobody, which is no obstacle where anybody may call.
 *
 * @throws whatever the proof was refused with
 */
export function callerOf(rpc: Pick<BoundRpc, 'access'>, proof: Proof): Caller | undefined {
  const { caller, refusal } = proof;
  const isBadToken = refusal instanceof VaultError && tokenCodes.has(refusal.code);
  if (refusal === undefined || (rpc.access.kind === 'public' && isBadToken)) return caller;
  throw refusal;
}
