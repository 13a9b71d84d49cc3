import { VaultError } from '../errors.ts';
import { limits } from '../limits.ts';
import { bytesAtMost } from '../page.ts';

/** The room that is left in the answer of a batch. Once an item does not fit, no later one does. */
export class AnswerRoom {
  #left: number = limits.listBytes;

  /** Whether anything of this size still fits. */
  hasRoomFor(bytes: number): boolean {
    if (bytes > this.#left) this.#left = 0;
    return this.#left > 0;
  }

  /** Takes room for an item, as JSON or as a protobuf message; returns whether it fits. */
  take(item: unknown): boolean {
    const bytes = Math.max(bytesAtMost(item), Buffer.byteLength(JSON.stringify(item)));
    if (!this.hasRoomFor(bytes)) return false;
    this.#left -= bytes;
    return true;
  }
}

/** The error of an item for which the answer of its batch has no room. */
export function answerTooLarge(): VaultError {
  const message = 'the answer has no room for this item: request it in another batch';
  return new VaultError('resource_exhausted', message, { reason: 'ANSWER_TOO_LARGE' });
}
