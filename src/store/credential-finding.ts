import assert from 'node:assert/strict';
import { refersTo } from '../vault/ids.ts';
import type { SealedVersion } from '../vault/credential.ts';
import type { DecisionTarget, FoundCredential } from '../vault/ports.ts';
import type { CredentialGuard, SignedRow } from './credential-guard.ts';
import { credentialOf, keyOf, sealedVersionOf, type CredentialRow, type SealedRow } from './credential-row.ts';
import {
  findCredentials,
  findIdsOfShortIds,
  findSealedVersions,
  lockCredentials,
  type Place,
} from './credential-statements.ts';
import type { Transaction } from './transaction.ts';

/** A credential as it was found, with the MAC of its row. */
export interface SignedFinding extends FoundCredential {
  /** Undefined where it is not genuine. */
  readonly mac: Uint8Array | undefined;
}

/** What the targets of a transaction's decisions mean. */
export interface FoundForDecisions {
  /** By workspace and id; those that were deleted, too. */
  readonly byId: ReadonlyMap<string, SignedFinding>;
  /** What a name means, by the index of its target. */
  readonly byName: ReadonlyMap<number, SignedFinding>;
  /** Of the proofs that the targets name, those that have ended; perhaps none where nothing sealed was found. */
  readonly endedProofs: ReadonlySet<string>;
}

/** Where a target is looked for, and whether its current version is wanted. */
interface Wanted extends Place {
  readonly sealed: boolean;
}

type FoundRow = SignedRow & { readonly index: number };

/** Each row tells all proofs of the statement that have ended. */
type SealedFoundRow = FoundRow & SealedRow & { readonly endedProofs: readonly string[] | null };

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
  targets: readonly DecisionTarget[],
  guard: CredentialGuard,
): Promise<FoundForDecisions> {
  const byId = new Map(
    (await findLocked(transaction, targets, guard)).map((found) => [keyOf(found.credential), found]),
  );
  const proofs = [...new Set(targets.flatMap(({ proof }) => (proof ? [proof.id] : [])))];
  const endedProofs = new Set<string>();
  const find = async (property: 'id' | 'shortId' | 'name', from: readonly (DecisionTarget | undefined)[]) => {
    const { found, ended } = await findUnlocked(transaction, {
      property,
      wanted: placesBy(property, from),
      proofs,
      guard,
    });
    for (const id of ended) endedProofs.add(id);
    return found;
  };
  for (const property of ['id', 'shortId'] as const) {
    for (const { found } of await find(property, targets.map(unlessLocked))) {
      const key = keyOf(found.credential);
      // What is locked is newer, and has its version where anybody wants it; of the others, one may be without.
      if (!byId.get(key)?.current) byId.set(key, found);
    }
  }
  const named = await find('name', targets);
  return { byId, byName: new Map(named.map(({ index, found }) => [index, found])), endedProofs };
}

async function findLocked(
  transaction: Transaction,
  targets: readonly DecisionTarget[],
  guard: CredentialGuard,
): Promise<readonly SignedFinding[]> {
  const locking = targets.map((target) => (target.lock ? target : undefined));
  const byShortId = placesBy('shortId', locking);
  const resolved = byShortId.length > 0 ? await transaction.run<Place>(findIdsOfShortIds(byShortId)) : [];
  const places = inOrder([...placesBy('id', locking), ...resolved]);
  const rows = places.length > 0 ? await transaction.run<SignedRow>(lockCredentials(places)) : [];
  const sealed = rows.filter((row) => targets.some((target) => target.sealed && means(target, row)));
  const versions = sealed.length > 0 ? await transaction.run<SealedRow & Place>(findSealedVersions(sealed)) : [];
  const current = new Map(versions.map((row) => [`${row.workspaceId}/${row.value}`, sealedVersionOf(row)]));
  return rows.map((row) => findingOf(guard, row, current.get(keyOf(row))));
}

async function findUnlocked(
  transaction: Transaction,
  {
    property,
    wanted,
    proofs,
    guard,
  }: {
    readonly property: 'id' | 'shortId' | 'name';
    readonly wanted: readonly Wanted[];
    readonly proofs: readonly string[];
    readonly guard: CredentialGuard;
  },
): Promise<FoundUnlocked> {
  const plain = wanted.filter(({ sealed }) => !sealed);
  const sealed = wanted.filter((place) => place.sealed);
  const plainRows =
    plain.length > 0 ? await transaction.run<FoundRow>(findCredentials(property, plain, { sealed: false })) : [];
  const sealedRows =
    sealed.length > 0
      ? await transaction.run<SealedFoundRow>(findCredentials(property, sealed, { sealed: true, proofs }))
      : [];
  const found = [
    ...plainRows.map((row) => ({ index: row.index, found: findingOf(guard, row, undefined) })),
    ...sealedRows.map((row) => ({ index: row.index, found: findingOf(guard, row, sealedVersionOf(row)) })),
  ];
  return { found, ended: sealedRows[0]?.endedProofs ?? [] };
}

function findingOf(guard: CredentialGuard, row: SignedRow, current: SealedVersion | undefined): SignedFinding {
  const isGenuine = guard.isGenuine(row);
  return { credential: credentialOf(row), current, isGenuine, mac: isGenuine ? (row.mac ?? undefined) : undefined };
}

/** @param targets those that are undefined keep the indexes of the others as they are */
function placesBy(
  property: 'id' | 'shortId' | 'name',
  targets: readonly (DecisionTarget | undefined)[],
): readonly Wanted[] {
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

function unlessLocked(target: DecisionTarget): DecisionTarget | undefined {
  return target.lock ? undefined : target;
}

function means({ reference, workspaceId }: DecisionTarget, row: CredentialRow): boolean {
  return (
    workspaceId === row.workspaceId && reference !== undefined && !('name' in reference) && refersTo(reference, row.id)
  );
}

/** Each once, in the order of the keys. */
function inOrder(places: readonly Place[]): readonly Place[] {
  const unique = new Map(places.map((place) => [`${place.workspaceId}/${place.value}`, place]));
  return [...unique].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, place]) => place);
}
