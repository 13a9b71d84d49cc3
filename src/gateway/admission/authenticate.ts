import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../../vault/caller.ts';
import { isVaultSealed, VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import type { BoundRpc } from '../contract/bound-rpc.ts';
import type { Exchange } from '../contract/exchange.ts';
import type { RequestHeaders } from '../request/request-headers.ts';

/**
 * Identifies the caller by the headers of a request and by the verified client certificate of its connection, if there is one.
 *
 * @returns undefined for a request without credentials
 * @throws VaultError `token_invalid` or `token_expired`
 */
export type Authenticate = (
  headers: RequestHeaders,
  signal: AbortSignal,
  peerCertificate: X509Certificate | undefined,
) => Promise<Caller | undefined>;

/** What the authentication of a request looks at. */
export interface AuthenticationInput {
  readonly exchange: Pick<
    Exchange,
    'peerCertificate' | 'hasSeveralAuthorizations' | 'connection' | 'isCrowded' | 'peer'
  >;
  readonly headers: RequestHeaders;
  readonly signal: AbortSignal;
}

/** The caller of a request, or why it was refused. */
export interface Authentication {
  readonly caller: Caller | undefined;
  readonly refusal?: unknown;
  readonly input: AuthenticationInput;
  /** When it began, by the monotonic clock. */
  readonly startedMs: number;
}

/**
 * How old an authentication may be once its request is complete, in milliseconds. Its result may be 0.9 s older, from a cache,
 * and a revocation must take effect within a second.
 */
export const authenticationMaxAgeMsDefault = 100;

/** Authenticates requests. A refusal is kept, not thrown: the dialect that renders it may not be known yet. */
export interface RequestAuthenticator {
  authenticate(input: AuthenticationInput): Promise<Authentication>;
  /** Authenticates again if the authentication is too old: a key may have been revoked while the body was on its way. */
  renew(authentication: Authentication): Promise<Authentication>;
}

/** @param maxAgeMs how old an authentication may be */
export function createRequestAuthenticator(identify: Authenticate, maxAgeMs: number): RequestAuthenticator {
  const authenticate = async (input: AuthenticationInput): Promise<Authentication> => {
    const { exchange, headers, signal } = input;
    const startedMs = performance.now();
    try {
      if (exchange.hasSeveralAuthorizations) {
        const cause = new Error('the request has more than one Authorization');
        throw new VaultError('token_invalid', 'Invalid token', {}, { cause });
      }
      const caller = await identify(headers, signal, exchange.peerCertificate);
      if (caller) exchange.connection?.markAuthenticated();
      return { caller, input, startedMs };
    } catch (refusal) {
      return { caller: undefined, refusal, input, startedMs };
    }
  };
  return {
    authenticate,
    renew: (authentication) =>
      performance.now() - authentication.startedMs > maxAgeMs
        ? authenticate(authentication.input)
        : Promise.resolve(authentication),
  };
}

/** The authentication of a call that is refused before its caller is identified. */
export function refusedAuthentication(input: AuthenticationInput, refusal: VaultError): Authentication {
  return { caller: undefined, refusal, input, startedMs: performance.now() };
}

/** Authenticates the caller of an open stream again, whatever the age of the authentication. */
export function reauthenticate(
  authenticator: RequestAuthenticator,
  authentication: Authentication,
): Promise<Authentication> {
  return authenticator.renew({ ...authentication, startedMs: Number.NEGATIVE_INFINITY });
}

const tokenCodes: ReadonlySet<VaultErrorCode> = new Set(['token_missing', 'token_invalid', 'token_expired']);

/**
 * The caller of an rpc. A public rpc ignores a bad token, and those that are answered while the vault is sealed ignore that.
 *
 * @throws the refusal of the authentication
 */
export function callerOf(rpc: Pick<BoundRpc, 'access'>, { caller, refusal }: Authentication): Caller | undefined {
  if (refusal === undefined || isIgnored(rpc, refusal)) return caller;
  throw refusal;
}

function isIgnored({ access }: Pick<BoundRpc, 'access'>, refusal: unknown): boolean {
  if (access.kind !== 'public' || !(refusal instanceof VaultError)) return false;
  return tokenCodes.has(refusal.code) || (access.whileSealed === true && isVaultSealed(refusal));
}
