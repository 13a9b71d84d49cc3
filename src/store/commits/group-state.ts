import assert from 'node:assert/strict';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { VaultError } from '../../vault/errors.ts';
import { refersTo } from '../../vault/ids.ts';
import type { Decision, DecisionTarget } from '../../vault/credentials/ports.ts';
import { idTaken, nameKeyOf, nameTaken, type Claim, type Taken } from '../credentials/credential-claims.ts';
import type { FoundForDecisions, SignedFinding } from '../credentials/credential-finding.ts';
import { spellState, type CredentialGuard } from '../credentials/credential-guard.ts';
import { keyOf, type SignedCredential, type SignedVersion } from '../credentials/credential-row.ts';
import { insertCredentials, insertVersions, updateCredentials } from '../credentials/credential-statements.ts';
import type { Fragment } from '../postgres/statements/statement.ts';

type Changes = Extract<Decision<unknown>, { answer: unknown }>;

/** Credentials as the decisions of one transaction find and leave them, before anything is written. */
export class GroupState {
  readonly #found: FoundForDecisions;
  readonly #guard: CredentialGuard;
  readonly #credentials: Map<string, SignedFinding>;
  readonly #inserted = new Map<string, SignedCredential>();
  readonly #updated = new Map<string, SignedCredential>();
  readonly #versions: SignedVersion[] = [];
  /** The exclusive names that the decisions took or gave up. */
  readonly #names = new Map<string, 'taken' | 'given up'>();
  readonly #shortIds = new Set<string>();
  readonly #claims: Claim[] = [];
  readonly #changedWorkspaces = new Set<string>();

  readonly #taken: Taken;

  /** @param taken what other credentials have of what the decisions are known to claim */
  constructor(found: FoundForDecisions, taken: Taken, guard: CredentialGuard) {
    this.#found = found;
    this.#taken = taken;
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
   * Takes a decision's changes over, unless it claims what another credential has: then it is answered with the refusal. A
   * decision is left to another group where it concerns an exclusive name that another one has given up or has yet to
   * give up: which of them wins depends on the order, which one statement for all does not keep.
   */
  apply({ lock, workspaceId }: DecisionTarget, decision: Decision<unknown>): 'applied' | 'left' | VaultError {
    const changes = 'refusal' in decision ? undefined : changesOf(decision);
    if (!changes) return 'applied';
    const { credential, isNew, version } = changes;
    assert.equal(credential.workspaceId, workspaceId, 'a decision writes in the workspace of its target');
    assert(lock || isNew, 'a decision that updates must have taken the lock');
    const key = keyOf(credential);
    const before = isNew ? undefined : this.#credentials.get(key);
    // It would sign what somebody else has written.
    assert(before?.isGenuine !== false, 'a decision changes nothing that is not genuine');
    if (isNew && this.#isIdTaken(credential)) return idTaken(credential);
    const names = namesChanged(before?.credential, credential);
    if (names.taken !== undefined && this.#isNameTaken(names.taken)) return nameTaken(credential);
    if (this.#isNameChanged(names.givenUp) || this.#isNameChanged(names.taken)) return 'left';
    this.#claim({ credential, isNew, names });
    this.#changedWorkspaces.add(workspaceId);
    const mac = this.#guard.sign(credential);
    this.#credentials.set(key, { credential, current: version ?? before?.current, isGenuine: true, mac });
    if (version) this.#versions.push({ credential, version, mac: this.#guard.signVersion(credential, version) });
    (isNew || this.#inserted.has(key) ? this.#inserted : this.#updated).set(key, { credential, mac });
    return 'applied';
  }

  /** What the writes take; where the database refuses them, another credential may have some of it. */
  get claims(): readonly Claim[] {
    return this.#claims;
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

  #claim({ credential, isNew, names: { givenUp, taken } }: NewClaim): void {
    const { workspaceId, id, name } = credential;
    if (givenUp !== undefined) this.#names.set(givenUp, 'given up');
    if (taken !== undefined) this.#names.set(taken, 'taken');
    if (isNew) this.#shortIds.add(shortIdKeyOf(credential));
    if (!isNew && taken === undefined) return;
    this.#claims.push({ workspaceId, id, isNew, name: taken === undefined ? undefined : name });
  }

  #isNameChanged(name: string | undefined): boolean {
    return name !== undefined && this.#names.has(name);
  }

  #isIdTaken(credential: Credential): boolean {
    const key = keyOf(credential);
    return this.#taken.ids.has(key) || this.#credentials.has(key) || this.#shortIds.has(shortIdKeyOf(credential));
  }

  /** Behind a decision that gave it up, what was found before does not count. */
  #isNameTaken(name: string): boolean {
    const change = this.#names.get(name);
    return change === undefined ? this.#taken.names.has(name) : change === 'taken';
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

interface NewClaim {
  readonly credential: Credential;
  readonly isNew: boolean;
  readonly names: NameChanges;
}

/** By `nameKeyOf`. */
interface NameChanges {
  readonly givenUp: string | undefined;
  readonly taken: string | undefined;
}

function namesChanged(before: Credential | undefined, after: Credential): NameChanges {
  const [givenUp, taken] = [before && exclusiveNameOf(before), exclusiveNameOf(after)];
  return givenUp === taken ? { givenUp: undefined, taken: undefined } : { givenUp, taken };
}

function exclusiveNameOf(credential: Credential): string | undefined {
  return credential.nameIsExclusive && credential.deletedAt === null ? nameKeyOf(credential) : undefined;
}

/** The digits of the short id, in its workspace. */
function shortIdKeyOf({ workspaceId, id }: Credential): string {
  return `${workspaceId}/${id.slice(-17)}`;
}
