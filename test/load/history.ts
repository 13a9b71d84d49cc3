import { Refusal, type RefusalCode } from './vault-client.ts';

/** When a call began and when it was answered, by a clock that ticks with each question. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a call was answered. */
export type Outcome<Answer> = { readonly answer: Answer } | { readonly refusal: RefusalCode };

/** Takes a refusal for an answer; other failures pass. */
export async function outcomeOf<Answer>(call: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { answer: await call };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.code };
    throw error;
  }
}

/** The clock of a run: whatever is answered before something else begins has the lesser time. */
export class Ticks {
  #now = 0;

  /** @returns what the call was answered, and when it was under way; failures that are no refusals pass */
  async time<Answer>(call: () => Promise<Answer>): Promise<Span & Outcome<Answer>> {
    const start = this.#now++;
    const outcome = await outcomeOf(call());
    return { start, end: this.#now++, ...outcome };
  }
}

/** Changes of one credential by callers who each say on which state theirs rests. */
export class EtagChain {
  readonly #first: string;
  readonly #next = new Map<string, string>();
  readonly #refused: string[] = [];
  readonly #faults: string[] = [];

  constructor(first: string) {
    this.#first = first;
  }

  changed(from: string, to: string): void {
    if (this.#next.has(from)) this.#faults.push('two changes of one state were acknowledged');
    this.#next.set(from, to);
  }

  refused(from: string): void {
    this.#refused.push(from);
  }

  /** What does not fit: a change that got lost, a refusal that nothing explains. */
  faults(last: string): readonly string[] {
    let state = this.#first;
    let length = 0;
    for (let next = this.#next.get(state); next !== undefined; next = this.#next.get(state)) {
      state = next;
      length += 1;
    }
    const lost =
      state !== last || length !== this.#next.size ? ['the acknowledged changes do not lead to the state'] : [];
    const unexplained = this.#refused.some((from) => !this.#next.has(from))
      ? ['a state was called stale that was not']
      : [];
    return [...this.#faults, ...lost, ...unexplained];
  }
}

/** A secret that several callers overwrite and read: whatever is read must be what was there at some moment of the reading. */
export class Register {
  readonly #writes = new Map<string, Span>();
  readonly #reads: (Span & { readonly value: string })[] = [];

  constructor(value: string) {
    this.#writes.set(value, { start: -1, end: -1 });
  }

  wrote(value: string, { start, end }: Span): void {
    this.#writes.set(value, { start, end });
  }

  read(value: string, { start, end }: Span): void {
    this.#reads.push({ value, start, end });
  }

  faults(): readonly string[] {
    const writes = [...this.#writes.values()];
    return this.#reads.flatMap(({ value, start, end }) => {
      const write = this.#writes.get(value);
      if (!write || write.start > end) return ['a value was read that nobody had written'];
      const isOver = writes.some((other) => other.start > write.end && other.end < start);
      return isOver ? ['a value was read that had been overwritten'] : [];
    });
  }
}

/** A name that one credential at a time may have: who got it, until when, and who did not. */
export class Lives {
  readonly #begun: Span[] = [];
  readonly #ended: Span[] = [];
  readonly #refused: Span[] = [];

  began(span: Span): void {
    this.#begun.push(span);
  }

  ended(span: Span): void {
    this.#ended.push(span);
  }

  refused(span: Span): void {
    this.#refused.push(span);
  }

  /** Lives one after the other, each ended before the next began, and one under way at each refusal. */
  faults(): readonly string[] {
    const begun = this.#begun.toSorted(byEnd);
    const ended = this.#ended.toSorted(byEnd);
    const twice = begun.some(({ end }, at) => at > 0 && (ended[at - 1]?.start ?? Number.POSITIVE_INFINITY) > end);
    const unexplained = this.#refused.some((refusal) => {
      return !begun.some(({ start }, at) => {
        return start < refusal.end && (ended[at]?.end ?? Number.POSITIVE_INFINITY) > refusal.start;
      });
    });
    return [
      ...(twice ? ['two had the name at once'] : []),
      ...(unexplained ? ['a name was called taken that was free'] : []),
    ];
  }
}

function byEnd(one: Span, other: Span): number {
  return one.end - other.end;
}
