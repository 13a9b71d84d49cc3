import assert from 'node:assert/strict';
import type { Credential, SealedVersion } from '../../vault/credential.ts';
import { refersTo } from '../../vault/ids.ts';
import type { Decision, DecisionTarget } from '../../vault/ports.ts';
import type { FoundForDecisions, SignedFinding } from '../credentials/credential-finding.ts';
import { spellState, type CredentialGuard } from '../credentials/credential-guard.ts';
import { keyOf, type SignedCredential } from '../credentials/credential-row.ts';
import { insertCredentials, insertVersions, updateCredentials } from '../credentials/credential-statements.ts';
import type { Fragment } from '../connection/statement.ts';

type Changes = Extract<Decision<unknown>, { answer: unknown }>;

/** Credentials as the decisions of one transaction find and leave them, before anything is written. */
export class GroupState {
  readonly #found: FoundForDecisions;
  readonly #guard: CredentialGuard;
  readonly #credentials: Map<string, SignedFinding>;
  readonly #inserted = new Map<string, SignedCredential>();
  readonly #updated = new Map<string, SignedCredential>();
  readonly #versions: { readonly credential: Credential; readonly version: SealedVersion }[] = [];
  /** The exclusive names that were taken or given up. */
  readonly #names = new Set<string>();
  readonly #changedWorkspaces = new Set<string>();

  constructor(found: FoundForDecisions, guard: CredentialGuard) {
    this.#found = found;
    this.#guard = guard;
    this.#credentials = new Map(found.byId);
  }

  /** Names were looked up before anything changed; behind a change they may mean another credential. */
  knows({ reference, workspaceId }: DecisionTarget): boolean {
    return !(reference && 'name' in reference && this.#changedWorkspaces.has(workspaceId));
  }

  /** @param index of the target among those that were looked up */
  find(target: DecisionTarget, index: number): SignedFinding | undefined {
    const found = this.#lookUp(target, index);
    // Of a row that is not genuine it is not known whether it was deleted.
    if (!found || (found.credential.deletedAt !== null && found.isGenuine && !target.deletedToo)) return undefined;
    return target.sealed ? found : { ...found, current: undefined };
  }

  /**
   * Takes a decision's changes over. It answers false, and takes nothing, where an exclusive name is concerned that another
   * one has changed: which of them wins depends on the order, which one statement for all does not keep.
   */
  apply({ lock, workspaceId }: DecisionTarget, decision: Decision<unknown>): boolean {
    const changes = 'refusal' in decision ? undefined : changesOf(decision);
    if (!changes) return true;
    const { credential, version } = changes;
    assert.equal(credential.workspaceId, workspaceId, 'a decision writes in the workspace of its target');
    assert(lock || changes.isNew, 'a decision that updates must have taken the lock');
    const key = keyOf(credential);
    const before = changes.isNew ? undefined : this.#credentials.get(key);
    // It would sign what somebody else has written.
    assert(before?.isGenuine !== false, 'a decision changes nothing that is not genuine');
    const names = namesChanged(before?.credential, credential);
    if (names.some((name) => this.#names.has(name))) return false;
    for (const name of names) this.#names.add(name);
    this.#changedWorkspaces.add(workspaceId);
    const mac = this.#guard.sign(credential);
    this.#credentials.set(key, { credential, current: version ?? before?.current, isGenuine: true, mac });
    if (version) this.#versions.push({ credential, version });
    (changes.isNew || this.#inserted.has(key) ? this.#inserted : this.#updated).set(key, { credential, mac });
    return true;
  }

  /** The state of the credential that a decision was about, behind it; undefined where there is none that can be believed. */
  stateBehind(decision: Decision<unknown>, found: SignedFinding | undefined): string | undefined {
    const changes = 'refusal' in decision ? undefined : changesOf(decision);
    const behind = changes ? this.#credentials.get(keyOf(changes.credential)) : found;
    return behind?.mac && spellState(behind.credential, behind.mac);
  }

  /** What brings the database to the state that the decisions left. */
  writes(): Fragment[] {
    const inserted = [...this.#inserted.values()];
    const updated = [...this.#updated.values()];
    return [
      ...(inserted.length > 0 ? [insertCredentials(inserted)] : []),
      ...(updated.length > 0 ? [updateCredentials(updated)] : []),
      ...(this.#versions.length > 0 ? [insertVersions(this.#versions)] : []),
    ];
  }

  #lookUp({ reference, workspaceId }: DecisionTarget, index: number): SignedFinding | undefined {
    if (!reference) return undefined;
    if ('name' in reference) return this.#found.byName.get(index);
    if ('id' in reference) return this.#credentials.get(keyOf({ workspaceId, id: reference.id }));
    // Few are of a group, and fewer of one workspace.
    const ofWorkspace = [...this.#credentials.values()].filter(
      ({ credential }) => credential.workspaceId === workspaceId,
    );
    return ofWorkspace.find(({ credential }) => refersTo(reference, credential.id));
  }
}

function changesOf({ insert, update }: Changes) {
  if (insert) return { credential: insert.credential, version: insert.version, isNew: true };
  return update && { credential: update.credential, version: update.version, isNew: false };
}

function namesChanged(before: Credential | undefined, after: Credential): string[] {
  const [one, other] = [before && exclusiveNameOf(before), exclusiveNameOf(after)];
  return one === other ? [] : [one, other].filter((name) => name !== undefined);
}

function exclusiveNameOf({ workspaceId, name, nameIsExclusive, deletedAt }: Credential): string | undefined {
  return nameIsExclusive && deletedAt === null ? `${workspaceId}/${name}` : undefined;
}
