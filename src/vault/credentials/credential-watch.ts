import type { AuditAction } from '../audit/audit-event.ts';
import { authorize, type Authorized, type Call, isVisible, keyScopeOfCall } from '../caller.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { uuidV7 } from '../ids.ts';
import type { Clock } from '../time.ts';
import type { CredentialStore } from './ports.ts';

/** The kinds of changes, by the actions of their events. */
export const credentialChanges = {
  'credentials.create': 'CREATED',
  'credentials.update': 'UPDATED',
  'credentials.activate': 'ACTIVATED',
  'credentials.deactivate': 'DEACTIVATED',
  'credentials.delete': 'DELETED',
  'secrets.add_version': 'SECRET_CHANGED',
} as const satisfies Partial<Record<AuditAction, string>>;

export type CredentialChangeKind = (typeof credentialChanges)[keyof typeof credentialChanges];

/** A change of a credential, read from the trail. */
export interface ChangedCredential {
  /** The id of the event: a UUIDv7. */
  readonly eventId: string;
  readonly time: Date;
  readonly action: keyof typeof credentialChanges;
  readonly credentialId: string;
}

/** One item of a watch. */
export interface WatchItem {
  /** Absent in an item that only shows that the watch is alive. */
  readonly change?: Omit<ChangedCredential, 'action'> & { readonly kind: CredentialChangeKind };
  /** Continues the watch after this item. */
  readonly resumeToken: string;
}

/** Reads the changes of credentials from the trail. */
export interface CredentialChangeStore {
  /** In the order of the events' ids, after the event `after`. */
  readChanges(request: {
    readonly workspaceId: string;
    readonly after: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly ChangedCredential[]>;
}

export interface CredentialWatchParts {
  readonly changes: CredentialChangeStore;
  readonly store: Pick<CredentialStore, 'find'>;
  readonly clock: Clock;
  /** Resolves after this time, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The most concurrent watches of a process. */
export const watchesMax = 256;
/** The most of one workspace, so that no tenant takes all of them. */
export const watchesOfWorkspaceMax = 64;
const pollEveryMs = 1_000;
/** How often a poll reads further back, and how far: ids are older than their commits, and the clocks of processes differ. */
const readBackEveryPolls = 15;
const [shortlyBackMs, backMs] = [3_000, 60_000];
const silentPollsMax = 15;
const changesPerRead = 1_000;
const sentMax = 100_000;
const noRandom = new Uint8Array(10);

/** Streams the changes of a workspace's credentials: each change at least once, most within a second. */
export class CredentialWatch {
  readonly #parts: CredentialWatchParts;
  /** The number of watches of each workspace that has any. */
  readonly #watches = new Map<string, number>();

  constructor(parts: CredentialWatchParts) {
    this.#parts = parts;
  }

  /**
   * Watches until the call's signal is aborted. The first item comes at once, and at least one every 15 seconds.
   *
   * @param resumeToken of an earlier item: changes since then, and of the minute before, are sent
   * @throws VaultError `invalid_argument` for an invalid token, `resource_exhausted` if there are too many watches
   */
  async *watchCredentials(call: Call, resumeToken?: string): AsyncGenerator<WatchItem> {
    authorize(call, 'credentials.read');
    const sinceMs = resumeToken === undefined ? undefined : timeOfToken(resumeToken);
    this.#begin(call.workspaceId);
    try {
      yield* this.#watch(call, sinceMs);
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

  async *#watch(call: Authorized<'credentials.read'>, sinceMs: number | undefined): AsyncGenerator<WatchItem> {
    const { clock, wait } = this.#parts;
    const sent = new Set<string>();
    const nowMs = clock.now().getTime();
    // A new watch skips earlier changes, but sends those of the last minute that are committed late.
    if (sinceMs === undefined) for await (const { eventId } of this.#read(call, nowMs - backMs)) sent.add(eventId);
    // Until all changes since the token have been sent, a resumed watch starts there again.
    let polledAtMs = Math.min(sinceMs ?? nowMs, nowMs);
    let fromMs = polledAtMs - backMs;
    yield { resumeToken: tokenOf(polledAtMs) };
    for (let [poll, silentPolls] = [1, 0]; !call.signal.aborted; poll += 1) {
      const beganMs = clock.now().getTime();
      const recent = uuidV7(Math.max(0, beganMs - 2 * backMs), noRandom);
      silentPolls += 1;
      for await (const { action, ...change } of this.#read(call, fromMs)) {
        if (sent.has(change.eventId)) continue;
        // No later poll reads older changes; a forged token may request many of them.
        if (change.eventId >= recent) sent.add(change.eventId);
        if (sent.size > sentMax) dropOlder(sent, 0);
        if (!(await this.#isVisible(call, change.credentialId))) continue;
        silentPolls = 0;
        yield { change: { ...change, kind: credentialChanges[action] }, resumeToken: tokenOf(polledAtMs) };
      }
      polledAtMs = beganMs;
      fromMs = beganMs - (poll % readBackEveryPolls === 0 ? backMs : shortlyBackMs);
      dropOlder(sent, beganMs - 2 * backMs);
      if (silentPolls >= silentPollsMax) {
        silentPolls = 0;
        yield { resumeToken: tokenOf(polledAtMs) };
      }
      await wait(pollEveryMs, call.signal);
    }
  }

  async *#read(
    { workspaceId, signal }: Authorized<'credentials.read'>,
    fromMs: number,
  ): AsyncGenerator<ChangedCredential> {
    let after = uuidV7(Math.max(0, fromMs), noRandom);
    for (;;) {
      const changes = await this.#parts.changes.readChanges({ workspaceId, after, size: changesPerRead, signal });
      yield* changes;
      after = changes.at(-1)?.eventId ?? after;
      if (changes.length < changesPerRead) return;
    }
  }

  async #isVisible(call: Call, id: string): Promise<boolean> {
    if (!keyScopeOfCall(call).keyScope) return true;
    const { workspaceId, signal } = call;
    const found = await this.#parts.store.find({ workspaceId, reference: { id }, deletedToo: true, signal });
    return found !== undefined && isVisible(call, found);
  }
}

/** Drops the ids that no later poll reads; a set keeps the order of insertion. */
function dropOlder(sent: Set<string>, beforeMs: number): void {
  const before = uuidV7(Math.max(0, beforeMs), noRandom);
  for (const id of sent) {
    if (id >= before && sent.size <= sentMax) return;
    sent.delete(id);
  }
}

function tokenOf(timeMs: number): string {
  return `w${timeMs.toString(36)}`;
}

function timeOfToken(token: string): number {
  if (!/^w[0-9a-z]{1,9}$/.test(token)) throw invalidArgument('resume_token', 'must be the token of an earlier item');
  return Number.parseInt(token.slice(1), 36);
}
