import type { AuditAction } from '../audit/audit-event.ts';
import { authorize, type Call, isVisible, keyScopeOfCall } from '../caller.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { uuidV7 } from '../ids.ts';
import type { Clock } from '../time.ts';
import type { CredentialStore } from './ports.ts';

/** What happens to a credential, by the action that the trail has for it. */
export const credentialChanges = {
  'credentials.create': 'CREATED',
  'credentials.update': 'UPDATED',
  'credentials.activate': 'ACTIVATED',
  'credentials.deactivate': 'DEACTIVATED',
  'credentials.delete': 'DELETED',
  'secrets.add_version': 'SECRET_CHANGED',
} as const satisfies Partial<Record<AuditAction, string>>;

export type CredentialChangeKind = (typeof credentialChanges)[keyof typeof credentialChanges];

/** A change of a credential, as it is in the trail. */
export interface ChangedCredential {
  /** Of the event in the trail: UUIDv7. */
  readonly eventId: string;
  readonly time: Date;
  readonly action: keyof typeof credentialChanges;
  readonly credentialId: string;
}

/** What a watcher is told. */
export interface WatchNews {
  /** Absent where nothing happened; the news then says that the watch goes on. */
  readonly change?: Omit<ChangedCredential, 'action'> & { readonly kind: CredentialChangeKind };
  /** Where to go on watching after this. */
  readonly resumeToken: string;
}

/** Tells what happened to the credentials of workspaces. */
export interface CredentialChangeStore {
  /** In the order of the events' ids, behind one. */
  readChanges(request: {
    readonly workspaceId: string;
    readonly after: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly ChangedCredential[]>;
}

/** What watching works with. */
export interface CredentialWatchParts {
  readonly changes: CredentialChangeStore;
  readonly store: Pick<CredentialStore, 'find'>;
  readonly clock: Clock;
  /** Resolves after so long, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The most watches of a process at a time. */
export const watchesMax = 256;
/** The most of one workspace, so that no tenant takes all places. */
export const watchesOfWorkspaceMax = 64;
const lookEveryMs = 1_000;
/** How often to look further back, and how far: ids are older than their commits, and clocks of processes differ. */
const lookBackEveryLooks = 15;
const [shortlyBackMs, backMs] = [3_000, 60_000];
const silentLooksMax = 15;
const changesAtATime = 1_000;
const toldMax = 100_000;
const noRandom = new Uint8Array(10);

/** Tells those who watch a workspace what happens to its credentials: each change at least once, most within a second. */
export class CredentialWatch {
  readonly #parts: CredentialWatchParts;
  /** How many each workspace has; none where it is absent. */
  readonly #watches = new Map<string, number>();

  constructor(parts: CredentialWatchParts) {
    this.#parts = parts;
  }

  /**
   * Watches until the call's signal is aborted. The first news comes at once, and some at least every quarter of a minute.
   *
   * @param resumeToken of earlier news: what happened since then, and within the minute before, is told
   * @throws VaultError `invalid_argument` for what is no such token, `resource_exhausted` where too many watch
   */
  async *watchCredentials(call: Call, resumeToken?: string): AsyncGenerator<WatchNews> {
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
      throw new VaultError('resource_exhausted', 'too many watch at the moment');
    }
    this.#watches.set(workspaceId, own + 1);
  }

  #end(workspaceId: string): void {
    const others = (this.#watches.get(workspaceId) ?? 0) - 1;
    if (others > 0) this.#watches.set(workspaceId, others);
    else this.#watches.delete(workspaceId);
  }

  async *#watch(call: Call, sinceMs: number | undefined): AsyncGenerator<WatchNews> {
    const { clock, wait } = this.#parts;
    const told = new Set<string>();
    const nowMs = clock.now().getTime();
    // Who begins is not told what was there before, but what comes late of it.
    if (sinceMs === undefined) for await (const { eventId } of this.#read(call, nowMs - backMs)) told.add(eventId);
    // Until all that happened since then was told, that is where to go on.
    let lookedAtMs = Math.min(sinceMs ?? nowMs, nowMs);
    let fromMs = lookedAtMs - backMs;
    yield { resumeToken: tokenOf(lookedAtMs) };
    for (let [look, silentLooks] = [1, 0]; !call.signal.aborted; look += 1) {
      const beganMs = clock.now().getTime();
      const recent = uuidV7(Math.max(0, beganMs - 2 * backMs), noRandom);
      silentLooks += 1;
      for await (const { action, ...change } of this.#read(call, fromMs)) {
        if (told.has(change.eventId)) continue;
        // No later look goes back to what is older, of which a forged token may ask for a lot.
        if (change.eventId >= recent) told.add(change.eventId);
        if (told.size > toldMax) forget(told, 0);
        if (!(await this.#isVisible(call, change.credentialId))) continue;
        silentLooks = 0;
        yield { change: { ...change, kind: credentialChanges[action] }, resumeToken: tokenOf(lookedAtMs) };
      }
      lookedAtMs = beganMs;
      fromMs = beganMs - (look % lookBackEveryLooks === 0 ? backMs : shortlyBackMs);
      forget(told, beganMs - 2 * backMs);
      if (silentLooks >= silentLooksMax) {
        silentLooks = 0;
        yield { resumeToken: tokenOf(lookedAtMs) };
      }
      await wait(lookEveryMs, call.signal);
    }
  }

  async *#read({ workspaceId, signal }: Call, fromMs: number): AsyncGenerator<ChangedCredential> {
    let after = uuidV7(Math.max(0, fromMs), noRandom);
    for (;;) {
      const changes = await this.#parts.changes.readChanges({ workspaceId, after, size: changesAtATime, signal });
      yield* changes;
      after = changes.at(-1)?.eventId ?? after;
      if (changes.length < changesAtATime) return;
    }
  }

  async #isVisible(call: Call, id: string): Promise<boolean> {
    if (!keyScopeOfCall(call).keyScope) return true;
    const { workspaceId, signal } = call;
    const found = await this.#parts.store.find({ workspaceId, reference: { id }, deletedToo: true, signal });
    return found !== undefined && isVisible(call, found);
  }
}

/** Forgets what no look reaches any more; a set keeps the order of insertion. */
function forget(told: Set<string>, beforeMs: number): void {
  const before = uuidV7(Math.max(0, beforeMs), noRandom);
  for (const id of told) {
    if (id >= before && told.size <= toldMax) return;
    told.delete(id);
  }
}

function tokenOf(timeMs: number): string {
  return `w${timeMs.toString(36)}`;
}

function timeOfToken(token: string): number {
  if (!/^w[0-9a-z]{1,9}$/.test(token)) throw invalidArgument('resume_token', 'must be of earlier news');
  return Number.parseInt(token.slice(1), 36);
}
