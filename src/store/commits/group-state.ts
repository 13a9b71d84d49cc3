import assert from 'node:assert/strict';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { Credential, StoredVersion } from '../../vault/credentials/credential.ts';
import type { VaultError } from '../../vault/errors.ts';
import { refersTo } from '../../vault/ids.ts';
import type { Decision, FoundReference, JointTarget } from '../../vault/credentials/decision-ports.ts';
import { idTaken, nameKeyOf, nameTaken, type Claim, type Taken } from '../credentials/credential-claims.ts';
import { findForDecisions, type FoundForDecisions } from '../credentials/credential-finding.ts';
import { formatCredentialState, type CredentialGuard } from '../credentials/credential-guard.ts';
import type { SignedFinding } from '../credentials/signed-finding.ts';
import { keyOf, type SignedCredential, type SignedVersion } from '../credentials/credential-row.ts';
import { insertCredentials, insertVersions, updateCredentials } from '../credentials/credential-statements.ts';
import { destroyVersions, pruneVersions } from '../credentials/version-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { mayLeaveScopes } from '../credentials/scope-marks.ts';
import type { Fragment } from '../postgres/statements/statement.ts';

type Changes = Extract<Decision<unknown>, { answer: unknown }>;

/** The credentials of one transaction as its decisions find and change them, before anything is written. */
export class GroupState {
  readonly #found: FoundForDecisions;
  readonly #guard: CredentialGuard;
  readonly #credentials: Map<string, SignedFinding>;
  readonly #inserted = new Map<string, SignedCredential>();
  readonly #updated = new Map<string, SignedCredential>();
  readonly #versions: SignedVersion[] = [];
  readonly #destroyed: { readonly credential: Credential; readonly version: StoredVersion }[] = [];
  /** The credentials whose oldest versions are deleted. */
  readonly #pruned = new Set<string>();
  /** The exclusive names that the decisions took or released. */
  readonly #names = new Map<string, 'taken' | 'released'>();
  readonly #shortIds = new Set<string>();
  readonly #claims: Claim[] = [];
  readonly #changedWorkspaces = new Set<string>();
  readonly #taken: Taken;

  /** @param taken the ids and names that other credentials have, of those that the decisions claim */
  constructor(found: FoundForDecisions, taken: Taken, guard: CredentialGuard) {
    this.#found = found;
    this.#taken = taken;
    this.#guard = guard;
    this.#credentials = new Map(found.byId);
  }

  /**
   * Names, matches and versions are looked up before the first decision: after a change in the workspace they may mean another
   * credential, and a version may be gone.
   */
  isCurrent({ reference, versions, workspaceId }: JointTarget): boolean {
    const isByKey = !reference || 'id' in reference || 'shortId' in reference;
    return (isByKey && !versions) || !this.#changedWorkspaces.has(workspaceId);
  }

  /** @param index of the target in the group */
  find(target: JointTarget, index: number): SignedFinding | undefined {
    const found = this.#lookUp(target, index);
    // The deletion time of a row that is not genuine cannot be trusted.
    if (!found || (found.credential.deletedAt !== null && found.isGenuine && !target.deletedToo)) return undefined;
    if (target.versions)
      return { ...found, current: undefined, versions: this.#found.versions.get(index) ?? noVersions };
    return target.sealed ? found : { ...found, current: undefined };
  }

  /**
   * Applies the changes of a decision. A decision that claims an id or a name of another credential gets a refusal. One that
   * involves an exclusive name which the group has taken or released already is deferred: the result depends on the order of
   * the writes, which a single statement for all rows does not keep.
   */
  apply({ lock, workspaceId }: JointTarget, decision: Decision<unknown>): 'applied' | 'deferred' | VaultError {
    const changes = 'refusal' in decision ? undefined : changesOf(decision);
    if (!changes) return 'applied';
    const { credential, destroyed, isNew, version } = changes;
    const isPreview = isPreviewOf(decision);
    assert.equal(credential.workspaceId, workspaceId, 'a decision writes in the workspace of its target');
    assert(lock || isNew || isPreview, 'a decision that updates must have taken the lock');
    const key = keyOf(credential);
    const before = isNew ? undefined : this.#credentials.get(key);
    // A new MAC would make tampered fields valid.
    assert(before?.isGenuine !== false, 'a decision changes nothing that is not genuine');
    if (isNew && this.#isIdTaken(credential)) return idTaken(credential);
    const names = namesChanged(before?.credential, credential);
    if (names.taken !== undefined && this.#isNameTaken(names.taken)) return nameTaken(credential);
    if (this.#isNameChanged(names.released) || this.#isNameChanged(names.taken)) return 'deferred';
    if (isPreview) return 'applied';
    this.#claim({ credential, isNew, names });
    this.#changedWorkspaces.add(workspaceId);
    const mac = this.#guard.sign(credential);
    const current = version ?? before?.current;
    const settledVersion = before?.settledVersion;
    this.#credentials.set(key, { credential, current, isGenuine: true, mac, settledVersion });
    if (version) this.#versions.push({ credential, version, mac: this.#guard.signVersion(credential, version) });
    if (destroyed) this.#destroyed.push({ credential, version: destroyed });
    const { oldestVersion } = credential;
    if (before && oldestVersion !== before.credential.oldestVersion) this.#pruned.add(key);
    (isNew || this.#inserted.has(key) ? this.#inserted : this.#updated).set(key, { credential, mac });
    return 'applied';
  }

  /** The ids and names that the writes take; another process may have taken some of them meanwhile. */
  get claims(): readonly Claim[] {
    return this.#claims;
  }

  /**
   * The events of a decision, with the state that it leaves, so that the trail shows if an earlier one is restored, and with marks
   * of what scopes of keys were compared with before, if it changes that.
   */
  eventsOf(decision: Decision<unknown>, found: SignedFinding | undefined): readonly AuditEvent[] {
    const { event } = decision;
    const resourceState = this.#stateAfter(decision, found);
    if (resourceState === undefined) return [event];
    if ('refusal' in decision) return [{ ...event, resourceState }];
    const { furtherEvents = [], update } = decision;
    const isLeaving =
      update !== undefined && found !== undefined && mayLeaveScopes(found.credential, update.credential);
    const formerScope = isLeaving ? this.#guard.scopeMarks.of(found.credential) : null;
    const events = [{ ...event, resourceState, formerScope }];
    for (const further of furtherEvents) events.push({ ...further, resourceState, formerScope: null });
    return events;
  }

  /** The state of the credential of a decision after it; undefined if there is no genuine one. */
  #stateAfter(decision: Decision<unknown>, found: SignedFinding | undefined): string | undefined {
    const changes = 'refusal' in decision ? undefined : changesOf(decision);
    const after = changes ? this.#credentials.get(keyOf(changes.credential)) : found;
    return after?.mac && formatCredentialState(after.credential, after.mac);
  }

  /** The statements that write the state after all decisions. */
  writes(): Fragment[] {
    const inserted = [...this.#inserted.values()];
    const updated = [...this.#updated.values()];
    return [
      ...(inserted.length > 0 ? [insertCredentials(inserted)] : []),
      ...(updated.length > 0 ? [updateCredentials(updated)] : []),
      ...(this.#versions.length > 0 ? [insertVersions(this.#versions)] : []),
      ...this.#endedVersions(),
    ];
  }

  /** A statement must not both destroy and delete one version. */
  #endedVersions(): Fragment[] {
    if (this.#destroyed.length + this.#pruned.size === 0) return [];
    const pruned = [...this.#pruned].flatMap((key) => {
      const { workspaceId, id, oldestVersion = null } = this.#credentials.get(key)?.credential ?? {};
      return workspaceId && id && oldestVersion !== null ? [{ workspaceId, id, oldestVersion }] : [];
    });
    const destroyed = this.#destroyed.flatMap(({ credential, version }) => {
      const { oldestVersion } = this.#credentials.get(keyOf(credential))?.credential ?? credential;
      if (oldestVersion !== null && version.version < oldestVersion) return [];
      const { id: credentialId, workspaceId } = credential;
      const mac = this.#guard.signDestroyedVersion(credential, version);
      return [{ workspaceId, credentialId, version: version.version, mac }];
    });
    return [
      ...(destroyed.length > 0 ? [destroyVersions(destroyed)] : []),
      ...(pruned.length > 0 ? [pruneVersions(pruned)] : []),
    ];
  }

  #claim({ credential, isNew, names: { released, taken } }: NewClaim): void {
    const { workspaceId, id, name } = credential;
    if (released !== undefined) this.#names.set(released, 'released');
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

  /** Once a decision of the group has released the name, what was found before no longer counts. */
  #isNameTaken(name: string): boolean {
    const change = this.#names.get(name);
    return change === undefined ? this.#taken.names.has(name) : change === 'taken';
  }

  #lookUp(target: JointTarget, index: number): SignedFinding | undefined {
    const { reference, workspaceId } = target;
    if (!reference) return undefined;
    if ('name' in reference || (target.versions && !target.lock)) return this.#found.byIndex.get(index);
    if ('match' in reference) return this.#found.byMatch.get(index)?.found;
    if ('id' in reference) return this.#credentials.get(keyOf({ workspaceId, id: reference.id }));
    // A group has few credentials, and a workspace fewer.
    const ofWorkspace = [...this.#credentials.values()].filter(
      ({ credential }) => credential.workspaceId === workspaceId,
    );
    return ofWorkspace.find(({ credential }) => refersTo(reference, credential.id));
  }
}

/** Whether a decision is only checked, and not written. */
export function isPreviewOf(decision: Decision<unknown>): boolean {
  return 'isPreview' in decision && decision.isPreview;
}

/** Finds what each of some targets refers to, as a decision would. */
export async function findEach(
  transaction: Transaction,
  targets: readonly JointTarget[],
  guard: CredentialGuard,
): Promise<readonly FoundReference[]> {
  const found = await findForDecisions(transaction, targets, guard);
  const state = new GroupState(found, { ids: new Set(), names: new Set() }, guard);
  return targets.map((target, index) => ({
    found: state.find(target, index),
    matches: found.byMatch.get(index)?.matches,
  }));
}

function changesOf({ insert, update }: Changes) {
  if (insert) return { credential: insert.credential, version: insert.version, destroyed: undefined, isNew: true };
  return (
    update && { credential: update.credential, version: update.version, destroyed: update.destroyed, isNew: false }
  );
}

const noVersions: ReadonlyMap<number, StoredVersion> = new Map();

interface NewClaim {
  readonly credential: Credential;
  readonly isNew: boolean;
  readonly names: NameChanges;
}

/** The changed exclusive names, by `nameKeyOf`. */
interface NameChanges {
  readonly released: string | undefined;
  readonly taken: string | undefined;
}

function namesChanged(before: Credential | undefined, after: Credential): NameChanges {
  const [released, taken] = [before && exclusiveNameOf(before), exclusiveNameOf(after)];
  return released === taken ? { released: undefined, taken: undefined } : { released, taken };
}

function exclusiveNameOf(credential: Credential): string | undefined {
  return credential.nameIsExclusive && credential.deletedAt === null ? nameKeyOf(credential) : undefined;
}

/** The digits of the short id, which are unique in a workspace. */
function shortIdKeyOf({ workspaceId, id }: Credential): string {
  return `${workspaceId}/${id.slice(-17)}`;
}
