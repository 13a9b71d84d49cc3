import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { Call } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import { limits } from '../../vault/limits.ts';

/** Counts the entries of a list that is answered whole. */
export interface AnswerBudget<Schema extends DescMessage> {
  /**
   * @returns the entry
   * @throws VaultError `resource_exhausted` as soon as the entries are too many for one answer
   */
  spend(entry: MessageInitShape<Schema>): MessageInitShape<Schema>;
}

/** Of an entry within its list: a tag, and a length. */
const headBytes = 6;

/**
 * The bytes that a list may have which is answered whole. In REST it is as large as it is; the clients of gRPC refuse what is
 * larger than 4 MiB, and no other rpc can be answered piece by piece either.
 *
 * @param advice says how to ask for less, by the number of entries that would have fitted
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
      bytes += headBytes + toBinary(schema, create(schema, entry)).length;
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
