import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { VaultError } from '../../vault/errors.ts';
import type {
  Decision,
  DecisionTarget,
  FoundCredential,
  FoundMatches,
  JointDecisions,
  JointResult,
  JointTarget,
} from '../../vault/credentials/decision-ports.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import {
  canceled,
  CommitUnknownError,
  constraintOf,
  endsSession,
  isCollision,
  translateFailure,
} from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import type { Transaction, TransactionScope } from '../postgres/sessions/transaction.ts';
import { GroupQueue } from '../postgres/statements/group-queue.ts';
import { combine } from '../postgres/statements/statement.ts';
import type { RequestRecords } from '../requests/request-records.ts';
import { isPredecessorMissing } from '../trail/audit-event-row.ts';
import type { TrailWriter } from '../trail/trail-writer.ts';
import { CommitOutcomes } from './commit-outcomes.ts';
import { decideGroup, type DecisionTools, type DecisionWrite, type Prepared } from './decision-group.ts';
import { decideJoint, type JointWrite } from './joint-group.ts';
import { standaloneWrite, withClaim, type StandaloneWork, type StandaloneWrite } from './standalone-write.ts';

/** Callbacks for committed transactions; they must not throw. */
export interface CommitListeners {
  /** Called after each commit with the number of calls that it answers. */
  readonly onCommit?: ((groupSize: number) => void) | undefined;
  /** Called after each standalone write, which may have changed access rights, before its caller is answered. */
  readonly onStandaloneCommit?: (() => void) | undefined;
}

/** The dependencies of a commit queue. */
export interface CommitQueueParts extends CommitListeners {
  readonly database: Database;
  readonly trail: TrailWriter;
  readonly guard: CredentialGuard;
  readonly records: RequestRecords;
}

type Write = DecisionWrite | JointWrite | StandaloneWrite;

/** The writes of one transaction: one standalone or joint write, or decisions. */
interface WriteGroup {
  readonly writes: readonly Write[];
  readonly scope: TransactionScope;
  readonly prepare: (transaction: Transaction) => Promise<Prepared>;
}

/** The most writes of one transaction. */
const groupMax = 128;

/**
 * Commits everything that has an audit event. One transaction is under way at a time, and the decisions that arrive meanwhile
 * share the next one. A failed decision does not affect the others of its group, and each caller is answered when the write is
 * durable.
 *
 * @see docs/decisions/0012-group-commit.md
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #trail: TrailWriter;
  readonly #queue: GroupQueue<Write>;
  readonly #tools: DecisionTools;
  readonly #outcomes: CommitOutcomes;
  readonly #onCommit: CommitListeners['onCommit'];
  readonly #onStandaloneCommit: CommitListeners['onStandaloneCommit'];

  constructor({ database, guard, onCommit, onStandaloneCommit, records, trail }: CommitQueueParts) {
    this.#onCommit = onCommit;
    this.#onStandaloneCommit = onStandaloneCommit;
    this.#database = database;
    this.#tools = { guard, records };
    this.#trail = trail;
    this.#outcomes = new CommitOutcomes(database, trail);
    this.#queue = new GroupQueue({ work: (waiting) => this.#commitNext(waiting), groupMax });
  }

  /** @throws what the decision throws or refuses with, and what `Database` throws */
  async decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined, matches: FoundMatches | undefined) => Decision<Answer>,
    keeping?: Keeping<Answer>,
  ): Promise<Answer> {
    const span = trace.getActiveSpan();
    return new Promise((resolve, reject) => {
      const attempt = (found: FoundCredential | undefined, isRevoked: boolean, matches: FoundMatches | undefined) => {
        const decision =
          isRevoked && (found ?? matches) && target.revocationCheck
            ? target.revocationCheck.refuse(found?.credential)
            : decide(found, matches);
        const settle = (groupSize: number) => {
          span?.setAttribute('coffer.group.size', groupSize);
          if ('refusal' in decision) reject(decision.refusal);
          else resolve(decision.answer);
        };
        const kept = keeping && 'answer' in decision ? keeping.serialize(decision.answer) : undefined;
        return { decision, settle, kept };
      };
      this.#queue.add({ kind: 'decision', target, attempt, reject, keeping });
    });
  }

  /** @throws as `decide` */
  async decideJointly<Answer>(
    decisions: JointDecisions<Answer>,
    keeping?: Keeping<readonly JointResult<Answer>[]>,
  ): Promise<readonly JointResult<Answer>[]> {
    const { checkedId, decide, isAtomic, signal, targets } = decisions;
    return new Promise((resolve, reject) => {
      const attempt: JointWrite['attempt'] = (found, isRevoked, matches) => {
        const decided = decide(found, isRevoked, matches);
        const conclude = (collisions: ReadonlyMap<number, VaultError>) => {
          const results = decided.map((decision, index) => resultOf(decision, collisions.get(index)));
          return { kept: keeping?.serialize(results), settle: () => resolve(results) };
        };
        return { decisions: decided, conclude };
      };
      this.#queue.add({ kind: 'joint', targets, isAtomic, checkedId, signal, attempt, reject, keeping });
    });
  }

  /**
   * Runs work in its own transaction, and once more if that collides with another one.
   *
   * @param work may run twice; the first run is rolled back then
   */
  async run<Answer>(scope: TransactionScope, work: StandaloneWork<Answer>, keeping?: Keeping<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer) => {
        this.#onStandaloneCommit?.();
        resolve(answer);
      };
      this.#queue.add(standaloneWrite({ scope, work, keeping, records: this.#tools.records, settle, reject }));
    });
  }

  /** Commits the writes at the front that can share a transaction. @returns the others, in their order */
  async #commitNext(waiting: readonly Write[]): Promise<readonly Write[]> {
    const wanted = waiting.filter((write) => !isDropped(write));
    const [first] = wanted;
    if (!first) return [];
    const group = this.#groupOf(first, wanted);
    return [...(await this.#commit(group)), ...wanted.slice(group.writes.length)];
  }

  #groupOf(first: Write, waiting: readonly Write[]): WriteGroup {
    if (first.kind === 'standalone') return { writes: [first], scope: first.scope, prepare: first.prepare };
    if (first.kind === 'joint') {
      const prepare = (transaction: Transaction) => decideJoint(transaction, first, this.#tools);
      return { writes: [first], scope: scopeOf(first), prepare };
    }
    const writes = leadingDecisions(waiting);
    const scope =
      writes.length === 1 ? scopeOf(first) : { workspaces: workspacesOf(writes.map(({ target }) => target)) };
    return { writes, scope, prepare: (transaction) => decideGroup(transaction, writes, this.#tools) };
  }

  /** @returns the writes that were deferred to the next transaction */
  async #commit(group: WriteGroup, isRepeated = false): Promise<readonly Write[]> {
    const { scope, writes } = group;
    try {
      const { deferred, settle } = await this.#write(group);
      settle();
      this.#onCommit?.(writes.length - deferred.length);
      return deferred;
    } catch (error) {
      if (writes.length === 1 && !isRepeated && mayRepeat(error)) return this.#commit(group, true);
      // One at a time, only the write that fails is rejected. An unavailable database fails all of them.
      if (writes.length > 1 && !isUnavailable(error)) for (const write of writes) await this.#commitNext([write]);
      else for (const write of writes) write.reject(translateFailure(error, scope.signal));
      return [];
    }
  }

  async #write({ prepare, scope }: WriteGroup): Promise<Prepared> {
    if (this.#trail.isInDoubt) await this.#outcomes.ask();
    const attempt: { prepared?: Prepared } = {};
    try {
      const locked = { ...scope, advisoryLock: this.#trail.lock };
      await this.#database.attempt(locked, async (transaction) => {
        if (this.#trail.isHeadDoubted) await this.#trail.findHead(transaction);
        await this.#writeLast(transaction, attempt, await prepare(transaction));
      });
      assert(attempt.prepared, 'what was committed has been prepared');
      this.#trail.committed();
      return attempt.prepared;
    } catch (error) {
      if (error instanceof CommitUnknownError && attempt.prepared) {
        if (!this.#trail.isInDoubt || (await this.#outcomes.wait())) return attempt.prepared;
        throw new VaultError('unavailable', 'the database is not available', {}, { cause: error });
      }
      if (isEventIdTaken(error)) this.#trail.abandon();
      else this.#trail.rolledBack();
      if (isPredecessorMissing(error)) this.#trail.doubtHead();
      throw error;
    }
  }

  /** Sends the prepared writes with the commit, and prepares them again without those that a constraint refuses. */
  async #writeLast(transaction: Transaction, attempt: { prepared?: Prepared }, prepared: Prepared): Promise<void> {
    attempt.prepared = prepared;
    const { amend, events, fragments } = prepared;
    const rows = await this.#trail.append(transaction, events);
    const [first, ...rest] = [...fragments, ...rows];
    if (!first) return;
    const rewrite = async (prepareAgain: NonNullable<typeof amend>) => {
      this.#trail.rolledBack();
      const amended = await prepareAgain();
      if (amended) await this.#writeLast(transaction, attempt, amended);
      return amended !== undefined;
    };
    transaction.runLast(combine(first, ...rest), amend && (() => rewrite(amend)));
  }
}

function isEventIdTaken(error: unknown): boolean {
  return constraintOf(error) === 'audit_event_pkey';
}

function mayRepeat(error: unknown): boolean {
  return isCollision(error) || isPredecessorMissing(error) || isEventIdTaken(error);
}

function isUnavailable(error: unknown): boolean {
  return endsSession(error) || error instanceof VaultError;
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
  if (write.kind === 'standalone') return write.scope;
  if (write.kind === 'joint') {
    const scope = { workspaces: workspacesOf(write.targets), signal: write.signal };
    return write.keeping ? withClaim(scope, write.keeping) : scope;
  }
  return { workspaces: [write.target.workspaceId], signal: write.target.signal };
}

function workspacesOf(targets: readonly JointTarget[]): readonly string[] {
  return [...new Set(targets.map(({ workspaceId }) => workspaceId))];
}

function resultOf<Answer>(decision: Decision<Answer> | VaultError, collision?: VaultError): JointResult<Answer> {
  if (collision) return { error: collision };
  if (decision instanceof VaultError) return { error: decision };
  return 'refusal' in decision ? { error: decision.refusal } : { answer: decision.answer };
}

/** Rejects a write whose caller canceled it while it waited. */
function isDropped(write: Write): boolean {
  const { signal } = scopeOf(write);
  if (!signal?.aborted) return false;
  write.reject(canceled(signal));
  return true;
}
