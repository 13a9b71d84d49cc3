import type { VersionPageRequest } from '../../vault/credentials/ports.ts';
import { revokedIds } from '../identity/revocation.ts';
import { selectList, updateRows, type Fragment, type Statement } from '../postgres/statements/statement.ts';
import { signedProperties, ways, type Place } from './credential-statements.ts';

/** A version of a credential that is looked for; 0 is the current one. */
export interface VersionPlace extends Place {
  readonly version: number;
}

const selected = `v.version, v.sealed, v.state, v.key_id as "keyId", v.created_by as "versionCreatedBy",
        v.created_at as "versionCreatedAt", v.mac as "versionMac"`;

/** Joins the version that `p` asks for to a credential `c`. */
const byNumber = `v.workspace_id = c.workspace_id and v.credential_id = c.id
          and v.version = case p.version when 0 then c.current_version else p.version end`;

/**
 * Finds credentials without a lock, each once for each version that is wanted of it, at one moment.
 *
 * @param checkedIds of API keys and sessions; those that were revoked are returned with every row
 */
export function findCredentialVersions(
  property: keyof typeof ways,
  places: readonly VersionPlace[],
  checkedIds: readonly string[],
): Statement {
  const { type, choice } = ways[property];
  return {
    name: `versions of credentials by ${property}`,
    text: `
      select p.index, p.version as wanted, ${selectList('c', signedProperties)}, ${selected}, ${revokedIds('$5')} as "revokedIds"
      from unnest($1::uuid[], $2::${type}[], $3::int[], $4::int[]) as p (workspace_id, value, index, version)
      cross join lateral (
        select * from credential c where c.workspace_id = p.workspace_id and ${choice}
      ) c
      left join lateral (select * from credential_version v where ${byNumber} offset 0) v on true`,
    values: [
      places.map(({ workspaceId }) => workspaceId),
      places.map(({ value }) => value),
      places.map(({ index }) => index),
      places.map(({ version }) => version),
      checkedIds,
    ],
  };
}

/** Finds versions of credentials whose locks were taken, in a separate statement as `findSealedVersions`. */
export function findVersionsByNumber(places: readonly VersionPlace[]): Statement {
  return {
    name: 'versions by number',
    text: `
      select p.index, p.version as wanted, v.*
      from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[]) as p (workspace_id, value, index, version)
      cross join lateral (
        select c.workspace_id as "workspaceId", c.id, ${selected} from credential c join credential_version v on ${byNumber}
        where c.workspace_id = p.workspace_id and c.id = p.value offset 0
      ) v`,
    values: [
      places.map(({ workspaceId }) => workspaceId),
      places.map(({ value }) => value),
      places.map(({ index }) => index),
      places.map(({ version }) => version),
    ],
  };
}

/** Finds the newest version of each credential that was made at or before a time; to be run after the lock, as the others. */
export function findSettledVersions(places: readonly Place[], settledBefore: Date): Statement {
  return {
    name: 'settled versions',
    text: `
      select p.workspace_id as "workspaceId", p.value, f.version
      from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, value)
      cross join lateral (
        select v.version from credential_version v
        where v.workspace_id = p.workspace_id and v.credential_id = p.value and v.created_at <= $3
        order by v.version desc limit 1
      ) f`,
    values: [places.map(({ workspaceId }) => workspaceId), places.map(({ value }) => value), settledBefore],
  };
}

/** The versions of a credential before a number, from the newest to the oldest, without their bytes. */
export function listVersions({ workspaceId, credentialId, before, size }: VersionPageRequest): Statement {
  return {
    name: 'list versions',
    text: `
      select v.version, v.state, v.created_by as "createdBy", v.created_at as "createdAt" from credential_version v
      where v.workspace_id = $1 and v.credential_id = $2 and v.version < $3 order by v.version desc limit $4`,
    values: [workspaceId, credentialId, before, size],
  };
}

/** A version that is destroyed, with the MAC of its row after that. */
export interface DestroyedVersion {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
  readonly mac: Uint8Array;
}

const keys = ['workspaceId', 'credentialId', 'version'] as const;
const destroyedTypes = { workspaceId: 'uuid', credentialId: 'uuid', version: 'int', mac: 'bytea', state: 'text' };

/** Marks versions as destroyed; a trigger removes their bytes and key ids, which the server's role may not write. */
export function destroyVersions(versions: readonly DestroyedVersion[]): Fragment {
  const rows = versions.map((version) => ({ ...version, state: 'destroyed' }));
  return updateRows('credential_version', destroyedTypes, { keys, rows });
}

/** A credential whose versions before a number are pruned. */
export interface PrunedCredential {
  readonly workspaceId: string;
  readonly id: string;
  readonly oldestVersion: number;
}

/** Deletes the versions before a number. */
export function pruneVersions(credentials: readonly PrunedCredential[]): Fragment {
  return {
    name: '-credential_versions',
    values: [
      credentials.map(({ workspaceId }) => workspaceId),
      credentials.map(({ id }) => id),
      credentials.map(({ oldestVersion }) => oldestVersion),
    ],
    text: (first) => `
      delete from credential_version v
      using unnest($${first}::uuid[], $${first + 1}::uuid[], $${first + 2}::int[]) as p (workspace_id, id, oldest_version)
      where v.workspace_id = p.workspace_id and v.credential_id = p.id and v.version < p.oldest_version`,
  };
}
