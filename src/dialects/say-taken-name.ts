import { VaultError } from '../vault/errors.ts';

/**
 * Waits for a create or an update; where its name is taken, the refusal says so in the dialect's own sentence.
 *
 * @throws VaultError `name_taken` with that message; whatever else `change` is refused with
 */
export async function sayTakenName<Answer>(message: string, change: Promise<Answer>): Promise<Answer> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'name_taken') throw error;
    throw new VaultError('name_taken', message, error.details, { cause: error });
  }
}
