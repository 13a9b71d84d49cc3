import type { Logger } from 'pino';
import type { Call } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Exchange } from '../contract/exchange.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';

/** Is told of every call that ends in a refusal of the vault; which of them matter is its own business. */
export interface DenialObserver {
  /** A call of a known caller; it is answered when this resolves. */
  noteDenied(
    call: Omit<Call, 'workspaceId' | 'signal'>,
    error: VaultError,
    /** As the request names it, which may be any text. */
    credential: string | undefined,
  ): Promise<void>;
  /** A call that nobody has proved. */
  noteRefused(peer: string, error: VaultError): void;
}

/** Tells an observer of a failure. Where he fails himself, the call is refused all the same, and the log says so. */
export async function tellDenial(
  { denials, log }: { readonly denials: DenialObserver; readonly log: Logger },
  { requestId, peer, found }: Exchange,
  error: unknown,
): Promise<void> {
  if (!(error instanceof VaultError)) return;
  const { caller, credential, protocol = '', dialect = '' } = found;
  if (!caller) {
    logRefusedToken(log, requestId, error);
    return denials.noteRefused(peer, error);
  }
  try {
    await denials.noteDenied({ caller, protocol, dialect, peer, requestId }, error, credential);
  } catch (failure) {
    log.error({ requestId, error: describeUnknownError(failure) }, 'a denied call is missing in the audit trail');
  }
}

/** Logs at `debug` why a token was refused: in words of our own, which quote nothing of it. */
export function logRefusedToken(log: Logger, requestId: string, { code, message, cause }: VaultError): void {
  if (code !== 'token_invalid' && code !== 'token_expired') return;
  log.debug({ requestId, code, reason: cause instanceof Error ? cause.message : message }, 'a token was refused');
}
