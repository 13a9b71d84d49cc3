import assert from 'node:assert/strict';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type {
  CredentialPurgeStore,
  ExpiryNoticeStore,
  NoticeDecision,
  PurgeDecision,
  PruneDecision,
  VersionPruneStore,
  DueRequest,
} from '../../vault/credentials/due-ports.ts';
import type { FoundCredential } from '../../vault/credentials/decision-ports.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { keepingOf } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { findLockedCredential } from '../credentials/credential-finding.ts';
import { findingOf, type SignedFinding } from '../credentials/signed-finding.ts';
import { formatCredentialState, type CredentialGuard, type SignedRow } from '../credentials/credential-guard.ts';
import { updateCredentials, type Place } from '../credentials/credential-statements.ts';
import { claimDue, deleteContents, setNoticeTimes } from '../credentials/due-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { combine } from '../postgres/statements/statement.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import type { DueRows } from '../commits/due-rows.ts';
import { keyOf } from '../credentials/credential-row.ts';
import { findSettledVersions, pruneVersions } from '../credentials/version-statements.ts';
import type { DuePlace } from '../../vault/worker-task.ts';

/** The dependencies of the store. */
export interface DueCredentialStoreParts {
  readonly commits: CommitQueue;
  readonly guard: CredentialGuard;
  readonly dueRows: DueRows;
}

/** The most versions that one batch deletes, so that other writes do not wait for long: at least one credential's. */
const versionsMax = 500;

/** A decision with the credential that it is about. */
type Purge = Extract<PurgeDecision, { tombstone: unknown }> & { readonly found: SignedFinding };

/** Purges credentials and gives notices of their expiry, in PostgreSQL. */
export class SqlDueCredentialStore implements CredentialPurgeStore, ExpiryNoticeStore, VersionPruneStore {
  readonly #commits: CommitQueue;
  readonly #guard: CredentialGuard;
  readonly #dueRows: DueRows;

  constructor({ commits, guard, dueRows }: DueCredentialStoreParts) {
    this.#commits = commits;
    this.#guard = guard;
    this.#dueRows = dueRows;
  }

  async purge(
    { workspaceId, reference, signal }: Parameters<CredentialPurgeStore['purge']>[0],
    decide: (found: FoundCredential | undefined) => PurgeDecision,
    keeping?: Keeping<Credential>,
  ): Promise<Credential> {
    const purge = async (transaction: Transaction): Promise<CommitResult<PurgeDecision>> => {
      const target = { workspaceId, reference, deletedToo: true, lock: true, signal };
      const found = await findLockedCredential(transaction, target, this.#guard);
      const decision = decide(found);
      if ('refusal' in decision) return { answer: decision, events: [decision.event] };
      assert(found, 'nothing is purged that was not found');
      return { answer: decision, events: await this.#write(transaction, [{ ...decision, found }]) };
    };
    const ofDecision = keepingOf({ keeping }, (decision: PurgeDecision) =>
      'tombstone' in decision ? decision.tombstone : undefined,
    );
    const decided = await this.#commits.run({ workspaces: [workspaceId], signal }, purge, ofDecision);
    if ('refusal' in decided) throw decided.refusal;
    return decided.tombstone;
  }

  async purgeDue(...[request, decide]: Parameters<CredentialPurgeStore['purgeDue']>) {
    return this.#dueRows.change({ ...request, due: 'due_purges' }, async (transaction, places) => {
      const claimed = await transaction.run<SignedRow>(claimDue('purge', places, request.now));
      const decisions: Purge[] = [];
      let versions = 0;
      for (const row of claimed) {
        const found = findingOf(this.#guard, row, undefined);
        versions += keptVersionsOf(found.credential);
        if (decisions.length > 0 && versions > versionsMax) break;
        const decision = decide(found);
        if (decision && 'tombstone' in decision) decisions.push({ ...decision, found });
      }
      const events = decisions.length === 0 ? [] : await this.#write(transaction, decisions);
      return { count: decisions.length, events };
    });
  }

  async noticeDue(...[request, decide]: Parameters<ExpiryNoticeStore['noticeDue']>) {
    return this.#dueRows.change({ ...request, due: 'due_notices' }, async (transaction, places) => {
      const claimed = await transaction.run<SignedRow>(claimDue('notice', places, request.now));
      const given = claimed.flatMap((row) => {
        const found = findingOf(this.#guard, row, undefined);
        const decision = decide(found);
        return decision ? [{ found, decision }] : [];
      });
      if (given.length > 0) await transaction.run(setNoticeTimes(given.map(noticeTimeOf)));
      const events = given.flatMap(({ found, decision: { event } }) => (event ? [withState(event, found)] : []));
      return { count: given.length, events };
    });
  }

  async pruneDue(...[request, decide]: Parameters<VersionPruneStore['pruneDue']>) {
    let isComplete = true;
    const batch = await this.#dueRows.change({ ...request, due: 'due_prunes' }, async (transaction, found) => {
      const places = [...new Map(found.map((place) => [`${place.workspaceId}/${place.id}`, place])).values()];
      const decisions = await this.#prunable(transaction, { places, request, decide });
      isComplete = decisions.length === places.length;
      if (decisions.length === 0) return { count: 0, events: [] };
      const signed = decisions.map(({ credential }) => ({ credential, mac: this.#guard.sign(credential) }));
      const pruned = decisions.map(({ credential: { workspaceId, id, oldestVersion } }) => ({
        workspaceId,
        id,
        oldestVersion: oldestVersion ?? 1,
      }));
      await transaction.run(combine(updateCredentials(signed), pruneVersions(pruned)));
      const events = decisions.map(({ event }, index) => withState(event, signed[index]));
      return { count: decisions.length, events };
    });
    return { ...batch, isComplete };
  }

  async #prunable(transaction: Transaction, { places, request, decide }: Prunable): Promise<readonly PruneDecision[]> {
    const rows = await transaction.run<SignedRow>(claimDue('prune', places, request.now));
    if (rows.length === 0) return [];
    const claimed = rows.map(({ workspaceId, id }, index) => ({ workspaceId, value: id, index }));
    const settled = await transaction.run<Place & { readonly version: number }>(
      findSettledVersions(claimed, request.now),
    );
    const versions = new Map(settled.map(({ workspaceId, value, version }) => [`${workspaceId}/${value}`, version]));
    const decisions: PruneDecision[] = [];
    let deleted = 0;
    for (const row of rows) {
      const found = findingOf(this.#guard, row, undefined, versions.get(keyOf(row)));
      deleted += found.credential.currentVersion - (found.credential.oldestVersion ?? 1);
      if (decisions.length > 0 && deleted > versionsMax) break;
      const decision = decide(found);
      if (decision) decisions.push(decision);
    }
    return decisions;
  }

  /** The rows are cleared first: only then may their contents be deleted. */
  async #write(transaction: Transaction, decisions: readonly Purge[]): Promise<readonly AuditEvent[]> {
    const signed = decisions.map(({ tombstone: credential }) => ({ credential, mac: this.#guard.sign(credential) }));
    await Promise.all(
      [combine(updateCredentials(signed)), ...deleteContents(signed)].map((statement) => transaction.run(statement)),
    );
    // A tombstone no longer shows within which scopes of keys the credential was.
    return decisions.map(({ event, found }, index) => {
      const formerScope = this.#guard.scopeMarks.of(found.credential);
      return withState({ ...event, formerScope }, signed[index]);
    });
  }
}

function keptVersionsOf({ currentVersion, oldestVersion }: Credential): number {
  return currentVersion - (oldestVersion ?? 1) + 1;
}

interface Prunable {
  readonly places: readonly DuePlace[];
  readonly request: DueRequest;
  readonly decide: (found: FoundCredential) => PruneDecision | undefined;
}

function noticeTimeOf({ found, decision }: { readonly found: SignedFinding; readonly decision: NoticeDecision }) {
  const { workspaceId, id } = found.credential;
  return { workspaceId, id, noticeAt: decision.noticeAt };
}

/** Adds the state that the event leaves, which the trail is verified by. */
function withState(event: AuditEvent, state: Pick<SignedFinding, 'credential' | 'mac'> | undefined): AuditEvent {
  assert(state?.mac, 'a row that is not genuine has no event with a state');
  return { ...event, resourceState: formatCredentialState(state.credential, state.mac) };
}
