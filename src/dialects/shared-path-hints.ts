import type { Logger } from 'pino';
import type { Caller } from '../vault/caller.ts';
import type { Clock } from '../vault/time.ts';

const hintEveryMs = 3_600_000;
/** Beyond so many keys the oldest are forgotten. */
const keysMax = 1_000;

/** Where hints go, and when. */
export interface HintParts {
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
}

interface Answers {
  readonly dialects: Set<string>;
  hintedMs: number;
}

/** Notes in which dialects API keys are answered on a path that dialects share, and logs those that are answered in several. */
export class SharedPathHints {
  readonly #parts: HintParts;
  readonly #answersByKey = new Map<string, Answers>();

  constructor(parts: HintParts) {
    this.#parts = parts;
  }

  /** Notes an answer that neither a prefix nor the key itself has decided; at most once an hour a key is hinted at. */
  note(caller: Caller | undefined, dialect: string): void {
    if (caller?.kind !== 'api_key') return;
    const answers = this.#answersOf(caller.id);
    answers.dialects.add(dialect);
    if (answers.dialects.size < 2) return;
    const nowMs = this.#parts.clock.now().getTime();
    if (nowMs - answers.hintedMs < hintEveryMs) return;
    answers.hintedMs = nowMs;
    const dialects = [...answers.dialects].toSorted();
    const hint =
      'an API key is answered in the forms of several APIs on a path that they share: ' +
      'issue it with its dialect, or have its client use the prefix /<dialect>/';
    this.#parts.log.warn({ apiKeyId: caller.id, dialects }, hint);
  }

  #answersOf(id: string): Answers {
    const known = this.#answersByKey.get(id);
    if (known) return known;
    const [oldest] = this.#answersByKey.keys();
    if (oldest !== undefined && this.#answersByKey.size >= keysMax) this.#answersByKey.delete(oldest);
    const answers = { dialects: new Set<string>(), hintedMs: Number.NEGATIVE_INFINITY };
    this.#answersByKey.set(id, answers);
    return answers;
  }
}
