import { shortIdOf } from '../../vault/ids.ts';
import type { StoredVersion } from '../../vault/credentials/credential.ts';
import type { DecisionTarget, VersionRetention } from '../../vault/credentials/decision-ports.ts';
import type { VersionState } from '../entities/credential.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { CredentialGuard, SignedRow } from './credential-guard.ts';
import type { Place } from './credential-statements.ts';
import {
  findCredentialVersions,
  findSettledVersions,
  findVersionsByNumber,
  type VersionPlace,
} from './version-statements.ts';

/** The versions that each target names, by the index of the target and by their numbers in it. */
export type NamedVersions = ReadonlyMap<number, ReadonlyMap<number, StoredVersion>>;

/** A version in a row; null where there is none. */
export interface NamedVersionRow {
  readonly workspaceId: string;
  /** Of the credential. */
  readonly id: string;
  readonly index: number;
  /** The number in the target. */
  readonly wanted: number;
  readonly version: number | null;
  readonly sealed: Uint8Array | null;
  readonly state: VersionState;
  readonly keyId: Uint8Array | null;
  readonly versionCreatedBy: string;
  readonly versionCreatedAt: Date;
  readonly versionMac: Uint8Array | null;
}

/** A credential's row with one of its versions. Each row has all revoked keys and sessions of the statement. */
export type VersionedRow = SignedRow & NamedVersionRow & { readonly revokedIds: readonly string[] | null };

type Target = Omit<DecisionTarget, 'signal'>;

const properties = ['id', 'shortId', 'name'] as const;

/**
 * Finds the credentials of targets that name versions and take no lock, each with its versions at one moment.
 *
 * @param targets those that are undefined keep the indexes of the others as they are
 */
export async function findVersioned(
  transaction: Transaction,
  targets: readonly (Target | undefined)[],
  checkedIds: readonly string[],
): Promise<readonly VersionedRow[]> {
  const found = await Promise.all(
    properties.map(async (property) => {
      const places = targets.flatMap((target, index) =>
        !target || target.lock ? [] : versionPlaces(target, index, property),
      );
      if (places.length === 0) return [];
      return transaction.run<VersionedRow>(findCredentialVersions(property, places, checkedIds));
    }),
  );
  return found.flat();
}

/**
 * Finds the versions that locking targets name.
 *
 * @param locked where their credentials are
 */
export async function findNamedVersions(
  transaction: Transaction,
  targets: readonly Target[],
  locked: readonly Place[],
): Promise<readonly NamedVersionRow[]> {
  const idsByShortId = new Map(locked.map(({ workspaceId, value }) => [`${workspaceId}/${shortIdOf(value)}`, value]));
  const places = targets.flatMap((target, index) => {
    if (!target.lock || !target.versions) return [];
    return [
      ...versionPlaces(target, index, 'id'),
      ...versionPlaces(target, index, 'shortId').flatMap((place) => {
        const id = idsByShortId.get(`${place.workspaceId}/${place.value}`);
        return id === undefined ? [] : [{ ...place, value: id }];
      }),
    ];
  });
  // It is sent whether a short id was found or not, so that the time does not reveal what exists.
  return transaction.run<NamedVersionRow>(findVersionsByNumber(places));
}

/** The versions in rows, by the targets that name them. */
export function namedVersionsOf(guard: CredentialGuard, rows: readonly NamedVersionRow[]): NamedVersions {
  const byIndex = new Map<number, Map<number, StoredVersion>>();
  for (const row of rows) {
    const versions = byIndex.get(row.index) ?? new Map<number, StoredVersion>();
    byIndex.set(row.index, versions);
    const { version, sealed, keyId, state, versionCreatedAt: createdAt, versionCreatedBy: createdBy } = row;
    if (version === null) continue;
    const record = { version, sealed, createdBy, createdAt };
    const isGenuine = guard.isGenuineVersion(row, { ...record, keyId, state }, row.versionMac);
    const isDestroyed = isGenuine && state === 'destroyed';
    // A version without content that was not destroyed here is as good as missing.
    if (sealed !== null || isDestroyed) versions.set(row.wanted, { ...record, isGenuine });
  }
  return byIndex;
}

/**
 * The newest settled version of each locked credential whose versions may be pruned, by the key of the credential. Most have few
 * enough versions, and are not looked up.
 *
 * @param addedMax how many versions the decisions may add
 */
export async function findSettled(
  transaction: Transaction,
  { settledBefore, versionsMax }: VersionRetention,
  addedMax: number,
  rows: readonly SignedRow[],
): Promise<ReadonlyMap<string, number>> {
  const full = rows.filter(
    ({ currentVersion, oldestVersion }) => currentVersion + addedMax - (oldestVersion ?? 1) >= versionsMax,
  );
  if (full.length === 0) return new Map();
  const places = full.map(({ workspaceId, id }, index) => ({ workspaceId, value: id, index }));
  const found = await transaction.run<Place & { readonly version: number }>(findSettledVersions(places, settledBefore));
  return new Map(found.map(({ workspaceId, value, version }) => [`${workspaceId}/${value}`, version]));
}

function versionPlaces(target: Target, index: number, property: (typeof properties)[number]): VersionPlace[] {
  const { reference, versions, workspaceId } = target;
  const value: unknown = versions && reference && Reflect.get(reference, property);
  if (!versions || typeof value !== 'string') return [];
  return [...new Set(versions)].map((version) => ({ workspaceId, value, version, index }));
}
