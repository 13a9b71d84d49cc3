import { VaultError } from '../../vault/errors.ts';
import type { UnreadAnswers } from '../port/unread-answers.ts';
import type { Exchange } from '../contract/exchange.ts';

/**
 * Lets an answer of so many bytes pass for which there is room among those that wait to be read.
 *
 * @throws VaultError `resource_exhausted`
 */
export type CheckRoom = (exchange: Pick<Exchange, 'connection'>, bytes: number) => void;

/** Checks the room among the answers that wait on the connection of an exchange, and on all of them. */
export function createRoomCheck(unreadAnswers: UnreadAnswers): CheckRoom {
  return ({ connection }, bytes) => {
    if (!connection || unreadAnswers.hasRoomFor(connection, bytes)) return;
    const message = 'too many answers of this connection wait to be read';
    throw new VaultError('resource_exhausted', message, { retryAfterMs: 1_000 });
  };
}

/** Holds bytes of an answer, or a negative number of them no longer, until they are handed over. */
export function hold({ connection }: Pick<Exchange, 'connection'>, bytes: number): void {
  if (connection) connection.heldBytes += bytes;
}
