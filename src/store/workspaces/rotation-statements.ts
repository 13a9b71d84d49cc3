import { nilUuid } from '../../vault/ids.ts';
import type { KeyPlace, ListedKey, ResealedVersion } from '../../vault/workspaces/rotation-ports.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/*
 * Hand-written: a batch of a rotation reads and writes its versions in two round trips, whatever their number, and the lists read
 * two tables in one order (`npm run bench -- --only keys`).
 */

/** A version of a retiring key as it is stored. */
export interface RetiringRow {
  readonly credentialId: string;
  readonly version: number;
  /** Null only if it was removed outside of Coffer. */
  readonly sealed: Uint8Array | null;
  readonly state: 'enabled' | 'destroyed';
  readonly keyId: Uint8Array;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly mac: Uint8Array | null;
  /** How many versions were found before the bytes of the batch were limited. */
  readonly found: number;
}

/** The position of a version in its workspace. */
export interface VersionPosition {
  readonly credentialId: string;
  readonly version: number;
}

/** The most versions and bytes of a batch. */
export interface BatchLimits {
  readonly versions: number;
  readonly bytes: number;
}

/** The next versions that a key seals: at least one, if there is any. */
export function findSealedWith(
  { keyId, workspaceId }: KeyPlace,
  after: VersionPosition = { credentialId: nilUuid, version: 0 },
  limits: BatchLimits,
): Statement {
  return {
    name: 'versions of a key',
    text: `
      select credential_id as "credentialId", version, sealed, state, key_id as "keyId", created_by as "createdBy",
        created_at as "createdAt", mac, found
      from (
        select v.*, count(*) over ()::int as found,
          sum(octet_length(v.sealed)) over (order by v.credential_id, v.version rows unbounded preceding) as bytes
        from (
          select * from credential_version v
          where v.workspace_id = $1 and (v.credential_id, v.version) > ($3, $4) and v.key_id = $2
          order by v.credential_id, v.version limit $5
        ) v
      ) b
      where coalesce(bytes - octet_length(sealed), 0) < $6
      order by credential_id, version`,
    values: [workspaceId, keyId, after.credentialId, after.version, limits.versions, limits.bytes],
  };
}

/** How many versions the keys of a workspace seal. */
export function countByKey(workspaceId: string): Statement {
  return {
    name: 'versions by key',
    text: `
      select encode(key_id, 'hex') as "keyId", count(*)::int as count
      from credential_version where workspace_id = $1 and key_id is not null group by key_id`,
    values: [workspaceId],
  };
}

/** A version that was sealed again, with the MAC of its row. */
export type SignedResealed = ResealedVersion & { readonly mac: Uint8Array };

/** Writes versions that were sealed again in place of bytes under a retiring key; answers how many. */
export function writeResealed(
  { keyId, workspaceId }: KeyPlace,
  presentKeyId: Uint8Array,
  versions: readonly SignedResealed[],
): Statement {
  return {
    name: 'reseal versions',
    text: 'select reseal_versions($1, $2, $3, $4, $5, $6, $7) as count',
    values: [
      workspaceId,
      keyId,
      presentKeyId,
      versions.map(({ credentialId }) => credentialId),
      versions.map(({ version }) => version),
      versions.map(({ sealed }) => sealed),
      versions.map(({ mac }) => mac),
    ],
  };
}

/** A batch that a crash loses is sealed again: the destruction of the key becomes durable only after everything before it. */
export const commitAsynchronously: Statement = {
  name: '',
  text: `select set_config('synchronous_commit', 'off', true)`,
  values: [],
};

/**
 * Keys of workspaces in their order: those that exist, and those whose destruction the trail has. Rows of keys in workspaces that
 * were deleted are empty and not among them.
 */
export function listKeys(workspaces: readonly string[], after: ListedKey | undefined, size: number): Statement {
  return {
    name: 'list keys',
    text: `
      select workspace_id as "workspaceId", key_id as "keyId", created_at as "createdAt", state
      from (
        select k.workspace_id, k.key_id, k.created_at, case when exists (
            select from workspace_key n
            where n.workspace_id = k.workspace_id and (n.created_at, n.key_id) > (k.created_at, k.key_id)
          ) then 'RETIRING' else 'CURRENT' end as state
        from workspace_key k where k.workspace_id = any ($1::uuid[]) and k.wrapped <> ''
        union all
        select r.workspace_id, r.key_id, r.key_created_at, 'DESTROYED'
        from key_rotation r where r.workspace_id = any ($1::uuid[]) and exists (
          select from audit_event e
          where e.workspace_id = r.workspace_id and e.id = r.event_id and e.action = 'keys.destroy'
        )
      ) k
      where k.workspace_id > $2 or (k.workspace_id = $2 and (k.created_at, k.key_id) < ($3, $4))
      order by k.workspace_id, k.created_at desc, k.key_id desc limit $5`,
    values: [workspaces, after?.workspaceId ?? nilUuid, after?.createdAt ?? null, after?.keyId ?? null, size],
  };
}
