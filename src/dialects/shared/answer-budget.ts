import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { Call } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import { limits } from '../../vault/limits.ts';

/** The bytes left for a list without pages. */
export interface AnswerBudget<Schema extends DescMessage> {
  /**
   * Spends the bytes of an entry, and returns the entry.
   *
   * @throws VaultError `resource_exhausted` once the entries exceed the budget
   */
  spend(entry: MessageInitShape<Schema>): MessageInitShape<Schema>;
}

/** The tag and the length of an entry within its list. */
const entryHeadBytes = 6;

/**
 * Limits a list without pages to `limits.listBytes`, since gRPC clients refuse messages above 4 MiB. Over REST, which streams
 * such lists, there is no limit.
 *
 * @param advice how to request less, given the number of entries that fit
 */
export function answerBudgetOf<Schema extends DescMessage>(
  { protocol }: Pick<Call, 'protocol'>,
  schema: Schema,
  advice: (fitting: number) => string = askByRest,
): AnswerBudget<Schema> {
  let bytes = 0;
  let entries = 0;
  return {
    spend: (entry) => {
      if (protocol === 'rest') return entry;
      bytes += entryHeadBytes + toBinary(schema, create(schema, entry)).length;
      if (entries > 0 && bytes > limits.listBytes) {
        const message = `the list is larger than ${limits.listBytes} bytes: ${advice(entries)}`;
        throw new VaultError('resource_exhausted', message, { reason: 'ANSWER_TOO_LARGE' });
      }
      entries += 1;
      return entry;
    },
  };
}

function askByRest(): string {
  return 'ask for it over REST, or page by page over coffer.v1';
}
