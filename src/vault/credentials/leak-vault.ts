import { auditEvent } from '../audit/audit-event.ts';
import { BoundedMap } from '../bounded-map.ts';
import { authorizeOwner, type Call } from '../caller.ts';
import { VaultError } from '../errors.ts';
import { nilUuid } from '../ids.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { WorkSlices, type EventLoop } from '../work-slices.ts';
import type { WorkspaceCipher } from '../workspaces/ports.ts';
import type { WorkspaceStore } from '../workspaces/ports.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import { decideLeakDeactivation, fieldsWith } from './leak-decisions.ts';
import { matcherOf, parseLeakToken, formatLeakToken, type LeakPosition, type LeakQuery } from './leak-query.ts';
import type { FoundCredential } from './decision-ports.ts';
import type { LeakStore } from './ports.ts';

export interface LeakVaultParts extends Pick<CredentialVaultParts, 'store' | 'ciphers' | 'clock' | 'ids'> {
  readonly leaks: LeakStore;
  readonly workspaces: Pick<WorkspaceStore, 'listWorkspaces'>;
  readonly eventLoop: EventLoop;
  /** SHA-256 of a text's UTF-8 bytes, as lower-case hex. */
  readonly sha256: (text: string) => string;
  /** How long one call searches, in milliseconds. */
  readonly searchMs?: number;
}

/** A field that contains the value. */
export interface LeakHolder {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly field: string;
}

/** What a report has found. */
export interface LeakReport {
  readonly holders: readonly LeakHolder[];
  /** Continues the search; empty if it is complete. */
  readonly nextPageToken: string;
}

/** The part of the credentials that one call searches. */
interface Search {
  readonly call: Call;
  readonly query: LeakQuery;
  readonly isMatch: (value: string) => boolean;
  readonly slices: WorkSlices;
  readonly endMs: number;
  readonly holders: LeakHolder[];
}

/** How many credentials, with their sealed secrets, are in memory at a time. */
const chunkItems = 50;
const workspacesAtOnce = 100;
/** A page ends after this many holders. */
const holdersMax = 1_000;
const searchMsDefault = 5_000;
const reportsPerMinute = 10;
const minuteMs = 60_000;
const ownersMax = 1_000;

/**
 * Finds and deactivates the credentials of all workspaces whose current secret contains a value that has leaked. No fingerprints
 * are stored: the secrets are opened, workspace by workspace. The caller learns where the value is, and no secret.
 */
export class LeakVault {
  readonly #parts: Required<LeakVaultParts>;
  /** The times of the last reports, by owner. */
  readonly #reports = new BoundedMap<string, readonly number[]>(ownersMax);

  constructor(parts: LeakVaultParts) {
    this.#parts = { searchMs: searchMsDefault, ...parts };
  }

  /**
   * Searches from the position of the page token until the end, or until the time of a call is over. One report in the cluster
   * searches at a time; the others wait.
   *
   * @throws VaultError `permission_denied` unless the caller is an owner, `invalid_argument`, `resource_exhausted` for more than 10
   *   reports a minute
   */
  async reportLeak(call: MutationCall<LeakReport>, query: LeakQuery): Promise<LeakReport> {
    const keeping = keepingOf(call, (): LeakReport | undefined => report);
    let report: LeakReport | undefined;
    authorizeOwner(call.caller, 'leaks.report');
    const isMatch = matcherOf(query, this.#parts.sha256);
    const position = parseLeakToken(query.pageToken);
    this.#limitRate(call.caller.userId);
    const found = await this.#parts.leaks.exclusively(call.signal, () => this.#search(call, query, isMatch, position));
    report = found;
    if (query.validateOnly) return found;
    const action = { action: 'leaks.report', resourceKind: 'leak', resourceId: null, workspaceId: null } as const;
    await this.#parts.store.decideJointly(
      {
        targets: [{ workspaceId: nilUuid }],
        isAtomic: true,
        decide: () => [
          { event: { ...auditEvent(this.#parts, call, action), count: found.holders.length }, answer: undefined },
        ],
        signal: call.signal,
      },
      keeping,
    );
    return found;
  }

  #limitRate(owner: string): void {
    const nowMs = this.#parts.clock.now().getTime();
    const recent = (this.#reports.get(owner) ?? []).filter((atMs) => atMs > nowMs - minuteMs);
    const [oldest] = recent;
    if (oldest !== undefined && recent.length >= reportsPerMinute) {
      const details = { retryAfterMs: oldest + minuteMs - nowMs };
      throw new VaultError('resource_exhausted', 'too many reports of leaks', details);
    }
    this.#reports.set(owner, [...recent, nowMs]);
  }

  async #search(
    call: Call,
    query: LeakQuery,
    isMatch: (value: string) => boolean,
    position: LeakPosition | undefined,
  ): Promise<LeakReport> {
    const { eventLoop, searchMs } = this.#parts;
    const slices = new WorkSlices(eventLoop);
    const search: Search = { call, query, slices, endMs: eventLoop.nowMs() + searchMs, holders: [], isMatch };
    for await (const { workspaceId, after } of this.#workspacesFrom(call.signal, position)) {
      const stoppedAt = await this.#searchWorkspace(search, workspaceId, after);
      if (stoppedAt !== undefined) {
        return { holders: search.holders, nextPageToken: formatLeakToken({ workspaceId, after: stoppedAt }) };
      }
    }
    return { holders: search.holders, nextPageToken: '' };
  }

  async *#workspacesFrom(signal: AbortSignal, position: LeakPosition | undefined): AsyncGenerator<LeakPosition> {
    if (position) yield position;
    let after = position?.workspaceId;
    for (;;) {
      const size = workspacesAtOnce;
      const page = await this.#parts.workspaces.listWorkspaces({ size, signal, ...(after !== undefined && { after }) });
      for (const { id } of page) yield { workspaceId: id, after: nilUuid };
      after = page.at(-1)?.id;
      if (page.length < size) return;
    }
  }

  /** @returns the id after which the search continues, if it has to stop */
  async #searchWorkspace(search: Search, workspaceId: string, from: string): Promise<string | undefined> {
    const { call, endMs, holders, slices } = search;
    const cipher = await this.#cipherOf(workspaceId);
    if (!cipher) return undefined;
    for (let after = from; ;) {
      const { found, last } = await this.#parts.leaks.readSealed({
        workspaceId,
        after,
        size: chunkItems,
        signal: call.signal,
      });
      slices.restart();
      const matching: FoundCredential[] = [];
      for (const one of found) {
        await slices.next();
        if (fieldsWith(search.isMatch, cipher, one).length > 0) matching.push(one);
      }
      holders.push(...(await this.#deactivate(search, cipher, matching)));
      if (last === undefined) return undefined;
      after = last;
      if (this.#parts.eventLoop.nowMs() >= endMs || holders.length >= holdersMax) return after;
    }
  }

  /** Those that meanwhile changed to another secret are not among the results. */
  async #deactivate(
    { call, query, isMatch }: Search,
    cipher: WorkspaceCipher,
    matching: readonly FoundCredential[],
  ): Promise<readonly LeakHolder[]> {
    const holdersOf = (found: FoundCredential) => {
      const { workspaceId, id: credentialId } = found.credential;
      return fieldsWith(isMatch, cipher, found).map((field) => ({ workspaceId, credentialId, field }));
    };
    if (matching.length === 0 || query.validateOnly) return matching.flatMap(holdersOf);
    const results = await this.#parts.store.decideJointly<readonly LeakHolder[]>({
      targets: matching.map(({ credential: { workspaceId, id } }) => ({
        workspaceId,
        reference: { id },
        deletedToo: true,
        sealed: true,
        lock: true,
      })),
      isAtomic: false,
      decide: (found) => found.map((one) => decideLeakDeactivation({ ...this.#parts, call }, one, holdersOf)),
      signal: call.signal,
    });
    return results.flatMap((result, index) => {
      if ('answer' in result) return result.answer;
      const inactive = matching[index];
      return inactive && result.error.code === 'credential_inactive' ? holdersOf(inactive) : [];
    });
  }

  /** Undefined for a workspace whose key cannot be loaded, or was destroyed: nothing in it can be revealed. */
  async #cipherOf(workspaceId: string): Promise<WorkspaceCipher | undefined> {
    try {
      return await this.#parts.ciphers.cipherFor(workspaceId);
    } catch (error) {
      if (error instanceof VaultError && error.code === 'secret_unreadable') return undefined;
      throw error;
    }
  }
}
