import type { Caller } from '../vault/caller.ts';
import { VaultError, type VaultErrorCode } from '../vault/errors.ts';
import type { BoundRpc } from './rpc.ts';

/**
 * Finds out who is calling, from a request's headers.
 *
 * @returns undefined where the request proves nobody
 * @throws VaultError `token_invalid` or `token_expired`
 */
export type Authenticate = (headers: Headers, signal: AbortSignal) => Promise<Caller | undefined>;

/** Who is calling, or why that can't be told. */
export type Proof = { readonly caller: Caller | undefined; readonly refusal?: unknown };

/** Asks who is calling, and keeps a refusal for later: which dialect renders it may not be known yet. */
export async function prove(authenticate: Authenticate, headers: Headers, signal: AbortSignal): Promise<Proof> {
  try {
    return { caller: await authenticate(headers, signal) };
  } catch (refusal) {
    return { caller: undefined, refusal };
  }
}

const tokenCodes: ReadonlySet<VaultErrorCode> = new Set(['token_missing', 'token_invalid', 'token_expired']);

/**
 * The caller of an rpc. A bad token proves nobody, which is no obstacle where anybody may call.
 *
 * @throws whatever the proof was refused with
 */
export function callerOf(rpc: BoundRpc, proof: Proof): Caller | undefined {
  const { caller, refusal } = proof;
  const isBadToken = refusal instanceof VaultError && tokenCodes.has(refusal.code);
  if (refusal === undefined || (rpc.access.kind === 'public' && isBadToken)) return caller;
  throw refusal;
}
