import assert from 'node:assert/strict';
import { shortIdOf } from '../../vault/ids.ts';
import type { DecisionTarget } from '../../vault/credentials/decision-ports.ts';
import type { CredentialGuard, SignedRow } from './credential-guard.ts';
import { findTakenNames, nameKeyOf, type NamePlace } from './credential-claims.ts';
import { findByMatch, type FoundByMatch, type MatchFinding } from './credential-matching.ts';
import { keyOf, sealedVersionOf, type SealedRow } from './credential-row.ts';
import {
  findCredentials,
  findIdsOfShortIds,
  findSealedVersions,
  lockCredentials,
  type Place,
} from './credential-statements.ts';
import { findingOf, type SignedFinding } from './signed-finding.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import {
  findNamedVersions,
  findSettled,
  findVersioned,
  namedVersionsOf,
  type NamedVersionRow,
  type NamedVersions,
} from './version-finding.ts';

/** What the targets of a transaction's decisions mean. */
export interface FoundForDecisions {
  /** By workspace and id; those that were deleted, too. */
  readonly byId: ReadonlyMap<string, SignedFinding>;
  /** What a name means, and what is found together with its versions, by the index of its target. */
  readonly byIndex: ReadonlyMap<number, SignedFinding>;
  /** What the targets that give a match found, by the index of the target. */
  readonly byMatch: ReadonlyMap<number, MatchFinding>;
  /** The versions that targets name. */
  readonly versions: NamedVersions;
  /** Of the keys, sessions and users that the targets name, the revoked ones; possibly none where nothing sealed was found. */
  readonly revokedIds: ReadonlySet<string>;
  /** Of the exclusive names that the targets announce, those that are taken; by `nameKeyOf`. */
  readonly takenNames: ReadonlySet<string>;
}

/** What a decision is about, without the signal of its call. */
type Target = Omit<DecisionTarget, 'signal'>;

/** Where a target is looked for, and whether its current version is wanted. */
interface Wanted extends Place {
  readonly sealed: boolean;
}

type FoundRow = SignedRow & { readonly index: number };

/** Each row has all revoked keys and sessions of the statement. */
type SealedFoundRow = FoundRow & SealedRow & { readonly revokedIds: readonly string[] | null };

interface FoundUnlocked {
  readonly found: { readonly index: number; readonly found: SignedFinding }[];
  readonly ended: readonly string[];
}

/**
 * Finds all that decisions are about, in a few statements however many they are. Rows are locked in the order of their ids,
 * so that transactions which lock the same ones wait for one another instead of deadlocking.
 */
export async function findForDecisions(
  transaction: Transaction,
  targets: readonly Target[],
  guard: CredentialGuard,
): Promise<FoundForDecisions> {
  const checkedIds = [
    ...new Set(targets.flatMap(({ revocationCheck }) => (revocationCheck ? [revocationCheck.id] : []))),
  ];
  const find = (property: 'id' | 'shortId' | 'name', from: readonly (Target | undefined)[]) =>
    findUnlocked(transaction, { property, wanted: placesBy(property, from), checkedIds, guard });
  const unlocked = targets.map(unlessLocked);
  const versioned = targets.some((target) => target.versions);
  // All that is looked up here travels together.
  const [locked, takenNames, matched, versionedRows, named, ...unlockedBy] = await Promise.all([
    findLocked(transaction, targets, guard),
    findTakenBefore(transaction, targets),
    findMatched(transaction, { targets, checkedIds, guard }),
    versioned ? findVersioned(transaction, targets, checkedIds) : [],
    find('name', unlocked),
    find('id', unlocked),
    find('shortId', unlocked),
  ]);
  const byId = new Map<string, SignedFinding>();
  for (const { found } of unlockedBy.flatMap((some) => some.found)) {
    const key = keyOf(found.credential);
    // Of those who name the same one, not all want its version.
    if (!byId.get(key)?.current) byId.set(key, found);
  }
  // What is locked is newer, and has its version where anybody wants it.
  for (const found of locked.found) byId.set(keyOf(found.credential), found);
  const byIndex = new Map(named.found.map(({ index, found }) => [index, found]));
  const ofMatches = versioned ? await findVersioned(transaction, matchedById(targets, matched), checkedIds) : [];
  const versionRows = [...versionedRows, ...ofMatches];
  for (const row of versionRows) byIndex.set(row.index, findingOf(guard, row, undefined));
  return {
    byId,
    byIndex,
    byMatch: new Map(matched.findings.map((finding) => [finding.index, finding])),
    versions: versioned ? namedVersionsOf(guard, [...versionRows, ...locked.versions]) : noVersions,
    revokedIds: new Set([
      ...matched.revoked,
      ...[named, ...unlockedBy].flatMap(({ ended }) => ended),
      ...versionRows.flatMap((row) => row.revokedIds ?? []),
    ]),
    takenNames: new Set(takenNames.map(nameKeyOf)),
  };
}

/** Locks the row of one credential, in whichever state, for a separate transaction. */
export async function findLockedCredential(
  transaction: Transaction,
  target: DecisionTarget,
  guard: CredentialGuard,
): Promise<SignedFinding | undefined> {
  const { found } = await findLocked(transaction, [target], guard);
  return found[0];
}

/** Targets that give a match and name versions, by the ids of what was found: their versions are found after it. */
function matchedById(targets: readonly Target[], { findings }: FoundByMatch): readonly (Target | undefined)[] {
  const ids = new Map(findings.map(({ index, found }) => [index, found?.credential.id]));
  return targets.map((target, index) => {
    const id = ids.get(index);
    return id !== undefined && target.versions ? { ...target, reference: { id } } : undefined;
  });
}

const noVersions: NamedVersions = new Map();

interface FoundLocked {
  readonly found: readonly SignedFinding[];
  readonly versions: readonly NamedVersionRow[];
}

const noMatches: FoundByMatch = { findings: [], revoked: [] };

async function findMatched(
  transaction: Transaction,
  {
    targets,
    checkedIds,
    guard,
  }: {
    readonly targets: readonly Target[];
    readonly checkedIds: readonly string[];
    readonly guard: CredentialGuard;
  },
): Promise<FoundByMatch> {
  const wanted = targets.flatMap(({ reference, workspaceId }, index) =>
    reference && 'match' in reference ? [{ workspaceId, match: reference.match, index }] : [],
  );
  return wanted.length > 0 ? findByMatch(transaction, { wanted, checkedIds, guard }) : noMatches;
}

async function findTakenBefore(transaction: Transaction, targets: readonly Target[]): Promise<readonly NamePlace[]> {
  const places = targets.flatMap(({ workspaceId, exclusiveName: name }) =>
    name === undefined ? [] : [{ workspaceId, name }],
  );
  return places.length > 0 ? transaction.run<NamePlace>(findTakenNames(places)) : [];
}

async function findLocked(
  transaction: Transaction,
  targets: readonly Target[],
  guard: CredentialGuard,
): Promise<FoundLocked> {
  const locking = targets.map((target) => (target.lock ? target : undefined));
  const byShortId = placesBy('shortId', locking);
  const resolved = byShortId.length > 0 ? await transaction.run<Place>(findIdsOfShortIds(byShortId)) : [];
  const byId = placesBy('id', locking);
  const sought = [...byId, ...byShortId];
  if (sought.length === 0) return { found: [], versions: [] };
  const places = inOrder([...byId, ...resolved]);
  const wanted = new Set(targets.filter((target) => target.sealed).map(spellingOf));
  const sealed = places.filter(({ workspaceId, value }) =>
    [value, shortIdOf(value)].some((id) => wanted.has(`${workspaceId}/${id}`)),
  );
  // Each is sent whether a short id was found or not, so that the time does not reveal what exists.
  const [rows, versions, namedVersions] = await Promise.all([
    transaction.run<SignedRow>(lockCredentials(places)),
    sealed.length > 0 || sought.some((place) => place.sealed)
      ? transaction.run<SealedRow & Place>(findSealedVersions(sealed))
      : [],
    locking.some((target) => target?.versions) ? findNamedVersions(transaction, targets, places) : [],
  ]);
  const adding = targets.find((target) => target.retention);
  const settled = adding?.retention && (await findSettled(transaction, adding.retention, targets.length, rows));
  const current = new Map(versions.map((row) => [`${row.workspaceId}/${row.value}`, sealedVersionOf(row)]));
  const found = rows.map((row) => {
    const key = keyOf(row);
    return findingOf(guard, row, current.get(key), settled?.get(key));
  });
  return { found, versions: namedVersions };
}

async function findUnlocked(
  transaction: Transaction,
  {
    property,
    wanted,
    checkedIds,
    guard,
  }: {
    readonly property: 'id' | 'shortId' | 'name';
    readonly wanted: readonly Wanted[];
    readonly checkedIds: readonly string[];
    readonly guard: CredentialGuard;
  },
): Promise<FoundUnlocked> {
  const plain = wanted.filter(({ sealed }) => !sealed);
  const sealed = wanted.filter((place) => place.sealed);
  const [plainRows, sealedRows] = await Promise.all([
    plain.length > 0 ? transaction.run<FoundRow>(findCredentials(property, plain, { sealed: false })) : [],
    sealed.length > 0
      ? transaction.run<SealedFoundRow>(findCredentials(property, sealed, { sealed: true, checkedIds }))
      : [],
  ]);
  const found = [
    ...plainRows.map((row) => ({ index: row.index, found: findingOf(guard, row, undefined) })),
    ...sealedRows.map((row) => ({ index: row.index, found: findingOf(guard, row, sealedVersionOf(row)) })),
  ];
  return { found, ended: sealedRows[0]?.revokedIds ?? [] };
}

/** @param targets those that are undefined keep the indexes of the others as they are */
function placesBy(property: 'id' | 'shortId' | 'name', targets: readonly (Target | undefined)[]): readonly Wanted[] {
  return targets.flatMap((target, index) => {
    const value: unknown = target?.reference && Reflect.get(target.reference, property);
    if (!target || typeof value !== 'string') return [];
    const { workspaceId, sealed = false } = target;
    assert(
      property !== 'name' || (!target.lock && !target.deletedToo),
      'a name is not for changing, and means what lives',
    );
    return [{ workspaceId, value, sealed, index }];
  });
}

/** Targets that name versions are found together with these. */
function unlessLocked(target: Target): Target | undefined {
  return target.lock || target.versions ? undefined : target;
}

function spellingOf({ workspaceId, reference }: Target): string {
  if (!reference || 'name' in reference || 'match' in reference) return '';
  return `${workspaceId}/${'id' in reference ? reference.id : reference.shortId}`;
}

/** Each once, in the order of the keys. */
function inOrder(places: readonly Place[]): readonly Place[] {
  const unique = new Map(places.map((place) => [`${place.workspaceId}/${place.value}`, place]));
  return [...unique].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, place]) => place);
}
