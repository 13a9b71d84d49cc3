import { VaultError, type VaultErrorCode } from '../../src/vault/errors.ts';

/** The code that a promise is refused with; undefined where it is not. Whatever is no `VaultError` is thrown on. */
export async function refusalOf(promise: Promise<unknown>): Promise<VaultErrorCode | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof VaultError) return error.code;
    throw error;
  }
}
