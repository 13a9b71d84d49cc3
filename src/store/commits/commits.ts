import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Decision, DecisionTarget, FoundCredential } from '../../vault/credentials/ports.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import {
  canceled,
  CommitUnknownError,
  constraintOf,
  endsSession,
  isCollision,
  sqlStateOf,
  translateFailure,
} from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { decideTogether, type DecisionWrite, type Prepared } from './decision-group.ts';
import { GroupQueue } from '../postgres/statements/group-queue.ts';
import { takeAdvisoryLock } from '../postgres/sessions/session-settings.ts';
import { together, type Statement } from '../postgres/statements/statement.ts';
import { isPredecessorMissing } from '../trail/audit-event-row.ts';
import type { TrailWriter } from '../trail/trail-writer.ts';
import type { Transaction, TransactionScope } from '../postgres/sessions/transaction.ts';

/** Who is told of what was committed; they must not throw. */
export interface CommitListeners {
  /** Told of each commit how many calls it answers. */
  readonly onCommit?: ((groupSize: number) => void) | undefined;
  /** Told of each write that stood alone, and so may have changed what somebody may do, before it is answered. */
  readonly onLoneCommit?: (() => void) | undefined;
}

/** What commits work with. */
export interface CommitsParts extends CommitListeners {
  readonly database: Database;
  readonly trail: TrailWriter;
  readonly guard: CredentialGuard;
}

/** What a write that stands alone has done, beside its statements. */
export interface Written<Answer> {
  readonly answer: Answer;
  /** What tells of it in the trail. */
  readonly events: readonly AuditEvent[];
}

/** A write that brings its own statements. */
interface LoneWrite {
  readonly kind: 'lone';
  readonly scope: TransactionScope;
  readonly prepare: (transaction: Transaction) => Promise<Prepared>;
  readonly reject: (error: unknown) => void;
}

type Write = DecisionWrite | LoneWrite;

/** What the transaction under way has come to. */
interface Begun {
  prepared?: Prepared;
}

/** The most writes of one transaction. */
const groupMax = 128;
/** For how long to ask what became of a transaction, with pauses that double, before its callers are answered that it is not known. */
const askForMs = 4_000;
const firstPauseMs = 50;
const pauseMsMax = 400;

/**
 * Commits everything that the trail tells of. One transaction is under way at a time, and decisions that wait for it share
 * the next one: one caller's failure is his alone, and each is answered when what he asked for is durable.
 *
 * @see docs/decisions/0012-group-commit.md
 */
export class Commits {
  readonly #database: Database;
  readonly #trail: TrailWriter;
  readonly #queue: GroupQueue<Write>;
  readonly #guard: CredentialGuard;
  readonly #onCommit: CommitListeners['onCommit'];
  readonly #onLoneCommit: CommitListeners['onLoneCommit'];

  constructor({ database, guard, onCommit, onLoneCommit, trail }: CommitsParts) {
    this.#onCommit = onCommit;
    this.#onLoneCommit = onLoneCommit;
    this.#database = database;
    this.#guard = guard;
    this.#trail = trail;
    this.#queue = new GroupQueue({ work: (group) => this.#commitSome(group), groupMax });
  }

  /** @throws what the decision throws or refuses with, and what `Database` throws */
  async decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined) => Decision<Answer>,
  ): Promise<Answer> {
    const span = trace.getActiveSpan();
    return new Promise((resolve, reject) => {
      const attempt = (found: FoundCredential | undefined, isProofEnded: boolean) => {
        const decision = isProofEnded && found && target.proof ? target.proof.refuse(found.credential) : decide(found);
        const settle = (groupSize: number) => {
          span?.setAttribute('coffer.group.size', groupSize);
          if ('refusal' in decision) reject(decision.refusal);
          else resolve(decision.answer);
        };
        return { decision, settle };
      };
      this.#queue.add({ kind: 'decision', target, attempt, reject });
    });
  }

  /**
   * Runs work in a transaction of its own, and once more where it collided with another one.
   *
   * @param work perhaps runs twice; nothing of the first time is kept
   */
  async run<Answer>(
    scope: TransactionScope,
    work: (transaction: Transaction) => Promise<Written<Answer>>,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const prepare = async (transaction: Transaction) => {
        const { answer, events } = await work(transaction);
        const settle = () => {
          this.#onLoneCommit?.();
          resolve(answer);
        };
        return { events, fragments: [], settle, left: [] };
      };
      this.#queue.add({ kind: 'lone', scope, prepare, reject });
    });
  }

  /** Commits the first ones that go together, and leaves the others. */
  async #commitSome(waiting: readonly Write[]): Promise<readonly Write[]> {
    const wanted = waiting.filter((write) => !isDropped(write));
    const decisions = leadingDecisions(wanted);
    const [first] = wanted;
    if (!first) return [];
    if (decisions.length <= 1) return [...(await this.#commitOne(first)), ...wanted.slice(1)];
    return [...(await this.#commitGroup(decisions)), ...wanted.slice(decisions.length)];
  }

  async #commitGroup(writes: readonly DecisionWrite[]): Promise<readonly Write[]> {
    try {
      const workspaces = [...new Set(writes.map(({ target }) => target.workspaceId))];
      const left = await this.#attempt({ workspaces }, (transaction) =>
        decideTogether(transaction, writes, this.#guard),
      );
      this.#onCommit?.(writes.length - left.length);
      return left;
    } catch (error) {
      // Whoever is to blame is found by doing them one by one; a database that is away is nobody's fault.
      if (isAway(error)) for (const write of writes) write.reject(translateFailure(error));
      else for (const write of writes) await this.#commitSome([write]);
      return [];
    }
  }

  async #commitOne(write: Write, isRepeated = false): Promise<readonly Write[]> {
    const scope = scopeOf(write);
    const prepare =
      write.kind === 'lone' ? write.prepare : (one: Transaction) => decideTogether(one, [write], this.#guard);
    try {
      const left = await this.#attempt(scope, prepare);
      this.#onCommit?.(1 - left.length);
      return left;
    } catch (error) {
      const mayRepeat = isCollision(error) || isPredecessorMissing(error) || constraintOf(error) === 'audit_event_pkey';
      if (mayRepeat && !isRepeated) return this.#commitOne(write, true);
      write.reject(translateFailure(error, scope.signal));
      return [];
    }
  }

  /** @returns what was left for another transaction */
  async #attempt(
    scope: TransactionScope,
    prepare: (transaction: Transaction) => Promise<Prepared>,
  ): Promise<readonly Write[]> {
    if (this.#trail.isInDoubt) await this.#ask(AbortSignal.timeout(askForMs));
    const prepared = await this.#write(scope, prepare);
    prepared.settle();
    return prepared.left;
  }

  async #write(scope: TransactionScope, prepare: (transaction: Transaction) => Promise<Prepared>): Promise<Prepared> {
    const begun: Begun = {};
    try {
      const locked = { ...scope, advisoryLock: this.#trail.lock };
      await this.#database.attempt(locked, async (transaction) => {
        if (this.#trail.isHeadDoubted) await this.#trail.findHead(transaction);
        await this.#writeLast(transaction, begun, await prepare(transaction));
      });
      assert(begun.prepared, 'what was committed has been prepared');
      this.#trail.committed();
      return begun.prepared;
    } catch (error) {
      if (error instanceof CommitUnknownError && begun.prepared) {
        if (!this.#trail.isInDoubt || (await this.#askAgainAndAgain())) return begun.prepared;
        throw new VaultError('unavailable', 'the database is not available', {}, { cause: error });
      }
      if (constraintOf(error) === 'audit_event_pkey') this.#trail.abandon();
      else this.#trail.rolledBack();
      if (isPredecessorMissing(error)) this.#trail.doubtHead();
      throw error;
    }
  }

  /** Leaves the writes to the end of the transaction, and prepares others where a constraint refuses these. */
  async #writeLast(transaction: Transaction, begun: Begun, prepared: Prepared): Promise<void> {
    begun.prepared = prepared;
    const { amend, events, fragments } = prepared;
    const rows = await this.#trail.append(transaction, events);
    const [first, ...rest] = [...fragments, ...rows];
    if (!first) return;
    const rewrite = async (prepareOthers: NonNullable<typeof amend>) => {
      this.#trail.rolledBack();
      const amended = await prepareOthers();
      if (amended) await this.#writeLast(transaction, begun, amended);
      return amended !== undefined;
    };
    transaction.runLast(together(first, ...rest), amend && (() => rewrite(amend)));
  }

  /**
   * Finds out what became of the transaction whose end is not known. Where its session still holds the lock, which the server
   * should have ended by then, another stream is begun, so that a frozen session does not hold up all writes.
   */
  async #ask(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#database.attempt({ signal }, async (transaction) => {
        const [, , isCommitted] = await Promise.all([
          transaction.run(lockWithin),
          transaction.run(takeAdvisoryLock(this.#trail.lock)),
          this.#trail.settle(transaction),
        ]);
        return isCommitted;
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      this.#trail.abandon();
      throw unknownOutcome(error);
    }
  }

  async #askAgainAndAgain(): Promise<boolean> {
    const signal = AbortSignal.timeout(askForMs);
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      try {
        return await this.#ask(signal);
      } catch (error) {
        if (!this.#trail.isInDoubt || signal.aborted) throw unknownOutcome(error);
        await delay(pauseMs);
      }
    }
  }
}

const lockWithin: Statement = {
  name: 'lock within',
  text: `select set_config('lock_timeout', '1000', true)`,
  values: [],
};

/** lock_not_available */
function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '55P03';
}

function leadingDecisions(writes: readonly Write[]): DecisionWrite[] {
  const decisions: DecisionWrite[] = [];
  for (const write of writes) {
    if (write.kind !== 'decision') break;
    decisions.push(write);
  }
  return decisions;
}

function scopeOf(write: Write): TransactionScope {
  if (write.kind === 'lone') return write.scope;
  return { workspaces: [write.target.workspaceId], signal: write.target.signal };
}

/** Whoever gave up while he waited is told so, and nothing is done for him. */
function isDropped(write: Write): boolean {
  const { signal } = scopeOf(write);
  if (!signal?.aborted) return false;
  write.reject(canceled(signal));
  return true;
}

function isAway(error: unknown): boolean {
  return endsSession(error) || error instanceof VaultError;
}

function unknownOutcome(cause: unknown): VaultError {
  return new VaultError(
    'unavailable',
    'the database is not available: whether it was done is not known',
    {},
    { cause },
  );
}
