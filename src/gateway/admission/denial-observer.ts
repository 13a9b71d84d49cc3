import type { Logger } from 'pino';
import type { Call } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Exchange } from '../contract/exchange.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';

/** Receives every call that the vault refuses, and decides which of them it records. */
export interface DenialObserver {
  /** A call of an authenticated caller; it is answered when this resolves. */
  recordDenied(
    call: Omit<Call, 'workspaceId' | 'signal'>,
    error: VaultError,
    /** As the request names it: any text. */
    credential: string | undefined,
  ): Promise<void>;
  /** A call without an authenticated caller. */
  countUnauthenticated(peer: string, error: VaultError): void;
}

/** Reports a refusal to the observer. If the observer fails, the call is refused nevertheless, and the failure is logged. */
export async function reportDenial(
  { denials, log }: { readonly denials: DenialObserver; readonly log: Logger },
  { requestId, peer, found }: Exchange,
  error: unknown,
): Promise<void> {
  if (!(error instanceof VaultError)) return;
  const { caller, credential, protocol = '', dialect = '' } = found;
  if (!caller) {
    logTokenFailure(log, requestId, error);
    return denials.countUnauthenticated(peer, error);
  }
  try {
    await denials.recordDenied({ caller, protocol, dialect, peer, requestId }, error, credential);
  } catch (failure) {
    log.error({ requestId, error: describeUnknownError(failure) }, 'a denied call is missing in the audit trail');
  }
}

/** Logs at `debug` why a token was refused. The reason quotes nothing of the token. */
export function logTokenFailure(log: Logger, requestId: string, { code, message, cause }: VaultError): void {
  if (code !== 'token_invalid' && code !== 'token_expired') return;
  log.debug({ requestId, code, reason: cause instanceof Error ? cause.message : message }, 'a token was refused');
}
