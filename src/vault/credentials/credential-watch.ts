import { authorize, keyScopeOfCall, type Authorized, type Call } from '../caller.ts';
import { VaultError } from '../errors.ts';
import { timeOfId, uuidV7 } from '../ids.ts';
import type { Clock } from '../time.ts';
import {
  changeKinds,
  type ChangedCredential,
  type CredentialChangeKind,
  type CredentialChangeStore,
} from './change-events.ts';
import { inCommitOrder } from './commit-order.ts';
import { parseWatchToken, WatchPosition } from './watch-position.ts';

/** One item of a watch. */
export interface WatchItem {
  /** Absent in an item that only shows that the watch is alive. */
  readonly change?: Pick<
    ChangedCredential,
    'eventId' | 'time' | 'credentialId' | 'revision' | 'currentVersion' | 'days'
  > & { readonly kind: CredentialChangeKind };
  /** Continues the watch after this item. */
  readonly resumeToken: string;
}

/** What a watch delivers. */
export interface WatchOptions {
  /** Whether to deliver reveals as well, for admins. */
  readonly includeReveals?: boolean;
}

export interface CredentialWatchParts {
  readonly changes: CredentialChangeStore;
  readonly clock: Clock;
  /** Resolves after this time, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The most concurrent watches of a process. */
export const watchesMax = 256;
/** The most of one workspace, so that no tenant takes all of them. */
export const watchesOfWorkspaceMax = 64;
const pollEveryMs = 1_000;
/** How far back most polls read: ids are older than their commits. */
const shortlyBackMs = 3_000;
/** How often a poll reads everything that may have become visible. */
const completePolls = 10;
/** After this time without an item comes one that shows that the watch is alive. */
const silentMs = 14_000;
const changesPerRead = 1_000;
/** Between pages, changes of the last so many milliseconds wait for the next page, which may hold earlier ones by other clocks. */
const overlapMs = 1_000;
const noRandom = new Uint8Array(10);

/** A watch that is under way. */
interface Watching {
  readonly call: Authorized<'credentials.read'>;
  readonly withReveals: boolean;
  readonly position: WatchPosition;
}

/**
 * Streams the changes of a workspace's credentials, most within a second: each once, and those of a credential in the order of its
 * revisions. It keeps at most a few pages of changes in memory, and no session of the database between two reads.
 *
 * @see docs/decisions/0047-positions-of-a-watch.md
 */
export class CredentialWatch {
  readonly #parts: CredentialWatchParts;
  /** The number of watches of each workspace that has any. */
  readonly #watches = new Map<string, number>();

  constructor(parts: CredentialWatchParts) {
    this.#parts = parts;
  }

  /**
   * Watches until the call's signal is aborted. The first item comes at once, and at least one every 15 seconds. A key with a
   * scope sees the changes of the credentials within it; one that leaves it is deleted to the key.
   *
   * @param resumeToken of an earlier item; without it, the watch begins now
   * @throws VaultError `invalid_argument` for an invalid token, `resume_token_expired` for one that is too old, `resource_exhausted` if
   *   there are too many watches, `permission_denied` for reveals without `audit.read`
   */
  async *watchCredentials(
    call: Call,
    resumeToken?: string,
    { includeReveals: withReveals = false }: WatchOptions = {},
  ): AsyncGenerator<WatchItem> {
    authorize(call, 'credentials.read');
    if (withReveals) authorize(call, 'audit.read');
    const resumed = resumeToken === undefined ? undefined : parseWatchToken(call.workspaceId, resumeToken);
    this.#begin(call.workspaceId);
    try {
      const position = resumed ? await this.#resume(call, resumed) : await this.#startNow(call);
      yield* this.#watch({ call, withReveals, position });
    } finally {
      this.#end(call.workspaceId);
    }
  }

  #begin(workspaceId: string): void {
    const own = this.#watches.get(workspaceId) ?? 0;
    const all = [...this.#watches.values()].reduce((sum, watches) => sum + watches, 0);
    if (own >= watchesOfWorkspaceMax || all >= watchesMax) {
      throw new VaultError('resource_exhausted', 'too many concurrent watches');
    }
    this.#watches.set(workspaceId, own + 1);
  }

  #end(workspaceId: string): void {
    const others = (this.#watches.get(workspaceId) ?? 0) - 1;
    if (others > 0) this.#watches.set(workspaceId, others);
    else this.#watches.delete(workspaceId);
  }

  /** Skips what is visible now; what is committed later is delivered, also if it was decided before. */
  async #startNow({ workspaceId, signal }: Call): Promise<WatchPosition> {
    const nowMs = this.#nowMs();
    const position = new WatchPosition(workspaceId, nowMs, []);
    const reached = await this.#parts.changes.readReached({ workspaceId, after: idAt(position.sinceMs), signal });
    for (const event of reached) position.deliver(event);
    return position;
  }

  async #resume({ workspaceId, signal }: Call, resumed: ReturnType<typeof parseWatchToken>): Promise<WatchPosition> {
    // The token may be of a process whose clock is ahead.
    const completeMs = Math.min(resumed.time.getTime(), this.#nowMs());
    const since = new Date(new WatchPosition(workspaceId, completeMs, []).sinceMs);
    const reached = await this.#parts.changes.resume(resumed, { since, signal });
    if (reached) return new WatchPosition(workspaceId, completeMs, reached);
    const message = 'resume_token is older than the events that are kept: list the credentials anew';
    throw new VaultError('resume_token_expired', message, { field: 'resume_token' });
  }

  async *#watch(watching: Watching): AsyncGenerator<WatchItem> {
    const { call, position } = watching;
    yield { resumeToken: position.token };
    let [polledMs, shownMs] = [0, this.#nowMs()];
    for (let poll = 0; !call.signal.aborted; poll += 1) {
      const beganMs = this.#nowMs();
      // The first poll reads everything since the token.
      const fromMs = poll % completePolls === 0 ? position.sinceMs : polledMs - shortlyBackMs;
      for await (const batch of this.#poll(watching, fromMs, beganMs)) {
        for (const { change, changed } of await this.#itemsOf(watching, batch)) {
          position.deliver(changed);
          if (change) yield { change, resumeToken: position.token };
          if (change) shownMs = this.#nowMs();
        }
        if (this.#nowMs() - shownMs < silentMs) continue;
        yield { resumeToken: position.token };
        shownMs = this.#nowMs();
      }
      polledMs = beganMs;
      await this.#parts.wait(pollEveryMs, call.signal);
    }
  }

  /**
   * Reads the changes that have become visible, in batches, each in the order of its commits. Where a change of a stream is found
   * that may follow others from before `fromMs`, it reads from the oldest time that is possible: no change of a stream is
   * delivered before the earlier ones.
   */
  async *#poll(watching: Watching, fromMs: number, beganMs: number): AsyncGenerator<readonly ChangedCredential[]> {
    const { position } = watching;
    const { sinceMs } = position;
    const startMs = Math.max(fromMs, sinceMs);
    const page = await this.#read(watching, idAt(startMs));
    if (startMs > sinceMs && mayFollowOthers(page, position, startMs)) {
      yield* this.#poll(watching, sinceMs, beganMs);
      return;
    }
    if (page.length < changesPerRead) yield inCommitOrder(page);
    else yield* this.#pages(watching, startMs, beganMs);
    if (startMs === sinceMs) position.complete(beganMs);
  }

  /**
   * Reads more changes than fit into one page. Each page shows another moment, so that a stream is read only up to the event that
   * was visible at first: later pages might otherwise hold a change without an earlier one that belongs to a page already read.
   */
  async *#pages(watching: Watching, fromMs: number, beganMs: number): AsyncGenerator<readonly ChangedCredential[]> {
    const { call, position } = watching;
    const { workspaceId, signal } = call;
    const { sinceMs } = position;
    const reached = await this.#parts.changes.readReached({ workspaceId, after: idAt(fromMs), signal });
    if (fromMs > sinceMs && mayFollowOthers(reached, position, fromMs)) {
      yield* this.#pages(watching, sinceMs, beganMs);
      return;
    }
    const ends = new Map(reached.map(({ stream, sequence }) => [stream, sequence]));
    const isReached = ({ stream, sequence }: ChangedCredential) => sequence <= (ends.get(stream) ?? 0);
    let waiting: readonly ChangedCredential[] = [];
    for (let after = idAt(fromMs); ;) {
      const page = await this.#read(watching, after);
      after = page.at(-1)?.eventId ?? after;
      const isLast = page.length < changesPerRead;
      const held = inCommitOrder([...waiting, ...page.filter(isReached)]);
      const count = isLast ? held.length : countBefore(held, timeOfId(after) - overlapMs);
      waiting = held.slice(count).toSorted((one, other) => (one.eventId < other.eventId ? -1 : 1));
      yield held.slice(0, count);
      if (isLast) break;
      // Nothing that is older can become visible any more, beyond what a poll reads again.
      if (fromMs === sinceMs) position.complete(Math.min(beganMs, timeOfId(waiting[0]?.eventId ?? after)));
    }
    for (const event of reached) position.deliver(event);
  }

  #read({ call, position, withReveals }: Watching, after: string): Promise<readonly ChangedCredential[]> {
    const { workspaceId, signal } = call;
    const { delivered } = position;
    const request = { workspaceId, after, delivered, withReveals, size: changesPerRead, signal };
    return this.#parts.changes.readChanges(request);
  }

  /** What the caller sees of changes. All credentials of a batch are looked up at once. */
  async #itemsOf({ call }: Watching, batch: readonly ChangedCredential[]) {
    const { changes } = this.#parts;
    const { keyScope } = keyScopeOfCall(call);
    if (!keyScope || batch.length === 0) return batch.map((changed) => ({ changed, change: shownOf(changed) }));
    const ids = [...new Set(batch.map(({ credentialId }) => credentialId))];
    const within = await changes.findWithin({ workspaceId: call.workspaceId, ids, keyScope, signal: call.signal });
    return batch.map((changed) => {
      if (within.has(changed.credentialId)) return { changed, change: shownOf(changed) };
      if (!changes.leftScope(changed, keyScope)) return { changed, change: undefined };
      return { changed, change: shownOf(changed, changed.action === 'credentials.purge' ? 'PURGED' : 'DELETED') };
    });
  }

  #nowMs(): number {
    return this.#parts.clock.now().getTime();
  }
}

function shownOf(
  { action, credentialId, currentVersion, days, eventId, revision, time }: ChangedCredential,
  kind: CredentialChangeKind = changeKinds[action],
): NonNullable<WatchItem['change']> {
  return { eventId, time, kind, credentialId, revision, currentVersion, days };
}

/** Whether one of the streams may have undelivered events from before a time. */
function mayFollowOthers(
  streams: readonly { readonly stream: string }[],
  position: WatchPosition,
  timeMs: number,
): boolean {
  return streams.some(({ stream }) => !position.isCompleteBefore(stream, timeMs));
}

/** How many of the first changes are older than a time; at least half of them, so that memory stays bounded. */
function countBefore(changes: readonly ChangedCredential[], timeMs: number): number {
  const end = changes.findIndex(({ eventId }) => timeOfId(eventId) >= timeMs);
  return Math.max(end < 0 ? changes.length : end, Math.ceil(changes.length / 2));
}

/** The least id of a time. */
function idAt(timeMs: number): string {
  return uuidV7(Math.max(0, timeMs), noRandom);
}
