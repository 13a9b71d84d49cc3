import type { Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import type { EventStream } from './event-stream.ts';
import type { SpeltAnswer } from '../errors/rest-problems.ts';

/** Serializes an answer whose list comes in parts. */
export interface ListWriter {
  /** The elements of a part, separated by commas; empty where it has none. */
  readonly elements: (part: Message) => string;
  /** The whole answer with a part's other members and an empty list, and where in it the elements stand. */
  readonly frame: (part: Message) => { readonly before: string; readonly after: string };
}

/** An answer whose list comes in parts; `more` is undefined where the body is whole. */
export interface ListAnswer extends SpeltAnswer {
  /** What follows the body, as it is read. Where it throws, the answer is to be cut off. */
  readonly more?: AsyncIterable<string>;
  /** Server-sent events, in place of a body. */
  readonly events?: EventStream;
  /** What is held for it on its connection until it is sent. */
  readonly heldBytes?: number;
}

/** Reads one part ahead, so that a list of one part is answered whole, and what fails early is answered as a refusal. */
export async function answerList(
  answer: Omit<ListAnswer, 'body' | 'more'>,
  parts: AsyncGenerator<Message>,
  writer: ListWriter,
): Promise<ListAnswer> {
  const first = await parts.next();
  assert(first.done !== true, 'a list has at least one part');
  const second = await parts.next();
  const { before, after } = writer.frame(first.value);
  const elements = writer.elements(first.value);
  if (second.done === true) return { ...answer, body: before + elements + after };
  const rest = { second: second.value, parts, isBegun: elements !== '' };
  return { ...answer, body: before + elements, more: restOf(rest, writer) };
}

interface Rest {
  readonly second: Message;
  readonly parts: AsyncGenerator<Message>;
  /** Whether an element precedes. */
  readonly isBegun: boolean;
}

async function* restOf({ second, parts, isBegun }: Rest, writer: ListWriter): AsyncGenerator<string> {
  let hasElements = isBegun;
  let last = second;
  try {
    for (;;) {
      const elements = writer.elements(last);
      if (elements !== '') yield hasElements ? `,${elements}` : elements;
      hasElements ||= elements !== '';
      const next = await parts.next();
      if (next.done === true) break;
      last = next.value;
    }
    yield writer.frame(last).after;
  } finally {
    // Its client may have gone.
    await parts.return(undefined);
  }
}
