import { ConnectError, type Code } from '@connectrpc/connect';
import { VaultError, type VaultErrorCode } from '../../src/vault/errors.ts';

/** What a promise is rejected with; undefined where it is fulfilled. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The error of a class that a promise is rejected with; fails where it is fulfilled, or rejected with something else. */
export async function refusalOf<Refusal extends Error>(
  promise: Promise<unknown>,
  kind: new (...parameters: never[]) => Refusal,
): Promise<Refusal> {
  const reason = await rejectionOf(promise);
  if (reason instanceof kind) return reason;
  throw new Error(`not rejected with a ${kind.name}`, { cause: reason });
}

/** The code that a call fails with; undefined where it succeeds. */
export async function connectCodeOf(call: Promise<unknown>): Promise<Code | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );
}

/** The code that the vault refuses with; undefined where it does not refuse. Any other error is thrown on. */
export async function vaultCodeOf(promise: Promise<unknown>): Promise<VaultErrorCode | undefined> {
  const reason = await rejectionOf(promise);
  if (reason === undefined || reason instanceof VaultError) return reason?.code;
  throw reason;
}
