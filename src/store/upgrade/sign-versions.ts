import type { WorkspaceCipherSource, WorkspaceCipher } from '../../vault/workspaces/ports.ts';
import { nilUuid } from '../../vault/ids.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Database } from '../postgres/database.ts';
import { selectList, type Statement, combine, updateRows } from '../postgres/statements/statement.ts';
import { versionGrants, type VersionRecord } from '../identity/grant-tables.ts';
import type { TableSigning } from './sign-formats.ts';
import { batchSize } from './sign-tables.ts';

/** The number of workspaces in a batch, whose keys are opened at once. */
const workspacesPerBatch = 100;
/** Enough of the sealed bytes to verify which version they belong to, whatever the size of the secret. */
const sealedBytesRead = 145;

const macTypes = { workspaceId: 'uuid', credentialId: 'uuid', version: 'int', mac: 'bytea' } as const;
const keys = ['workspaceId', 'credentialId', 'version'] as const;

type UnsignedVersion = VersionRecord & { readonly sealed: Uint8Array | null };
type VersionKey = Pick<VersionRecord, (typeof keys)[number]>;

/**
 * Signs the versions without a MAC in the order of their keys: those whose sealed bytes belong to their credential and version,
 * under the key that the row names. Versions of deleted workspaces are left to the purge.
 */
export async function signVersions(signing: TableSigning): Promise<void> {
  const { database } = signing;
  for (let last = nilUuid; ;) {
    const workspaces = (await database.query<{ readonly id: string }>(findWorkspaces(last))).map(({ id }) => id);
    await signBatch(signing, workspaces);
    const [end] = workspaces.slice(-1);
    if (end === undefined || workspaces.length < workspacesPerBatch) return;
    last = end;
  }
}

async function signBatch(signing: TableSigning, workspaces: readonly string[]): Promise<void> {
  if (workspaces.length === 0) return;
  const { database, progress } = signing;
  const ciphers = await openCiphers(signing.ciphers, workspaces);
  const beforeFirst = { workspaceId: nilUuid, credentialId: nilUuid, version: 0 };
  let rows = await readSome(database, workspaces, beforeFirst);
  while (rows.length > 0) {
    const sound = rows.filter((row) => isSound(ciphers.get(row.workspaceId), row));
    for (const row of rows) if (!sound.includes(row)) progress.fail(versionGrants.id(row));
    const [last] = rows.slice(-1);
    // The next rows are read while these are written.
    const next = last && rows.length === batchSize ? readSome(database, workspaces, last) : [];
    const [following] = await Promise.all([next, writeSome(signing, workspaces, sound)]);
    progress.add(sound.length);
    rows = following;
  }
}

/** A version without bytes is not one of an earlier release. */
function isSound(cipher: WorkspaceCipher | undefined, row: UnsignedVersion): boolean {
  const { keyId, sealed } = row;
  return cipher !== undefined && keyId !== null && sealed !== null && cipher.recognizes(row, { keyId, sealed });
}

async function openCiphers(
  source: WorkspaceCipherSource,
  workspaces: readonly string[],
): Promise<ReadonlyMap<string, WorkspaceCipher>> {
  const opened = await Promise.all(workspaces.map(async (id) => [id, await openCipher(source, id)] as const));
  return new Map(opened.flatMap(([id, cipher]) => (cipher ? [[id, cipher] as const] : [])));
}

async function openCipher(source: WorkspaceCipherSource, workspaceId: string): Promise<WorkspaceCipher | undefined> {
  try {
    return await source.cipherFor(workspaceId);
  } catch (error) {
    // The keys are missing or were tampered with, so that no version under them can be verified.
    if (error instanceof VaultError && error.code === 'secret_unreadable') return undefined;
    throw error;
  }
}

async function readSome(
  database: Database,
  workspaces: readonly string[],
  after: VersionKey,
): Promise<readonly UnsignedVersion[]> {
  const [rows = []] = await database.read<UnsignedVersion>({ workspaces }, [findUnsigned(workspaces, after)]);
  return rows;
}

async function writeSome(
  { database, grantMac }: TableSigning,
  workspaces: readonly string[],
  versions: readonly UnsignedVersion[],
): Promise<void> {
  if (versions.length === 0) return;
  const rows = versions.map((version) => {
    const { credentialId, version: number, workspaceId } = version;
    const mac = grantMac.compute(versionGrants.label, versionGrants.fields(version));
    return { workspaceId, credentialId, version: number, mac };
  });
  await database.transact({ workspaces }, async (transaction) => {
    await transaction.run(commitAsynchronously);
    await transaction.run(combine(updateRows('credential_version', macTypes, { keys, rows })));
  });
}

/** Rows that a crash loses are signed again: the ledger line becomes durable only after everything that was written before it. */
const commitAsynchronously: Statement = {
  name: '',
  text: `select set_config('synchronous_commit', 'off', true)`,
  values: [],
};

function findWorkspaces(after: string): Statement {
  return {
    name: 'workspaces with versions to sign',
    text: `select id from workspace where deleted_at is null and id > $1 order by id limit ${workspacesPerBatch}`,
    values: [after],
  };
}

function findUnsigned(workspaces: readonly string[], after: VersionKey): Statement {
  const properties = ['workspaceId', 'credentialId', 'version', 'state', 'keyId', 'createdBy', 'createdAt'];
  return {
    name: 'versions to sign',
    text: `
      select ${selectList('v', properties)}, substr(v.sealed, 1, ${sealedBytesRead}) as sealed from credential_version v
      where (v.workspace_id, v.credential_id, v.version) > ($1, $2, $3) and v.workspace_id <= $4
        and v.workspace_id = any ($5) and v.mac is null
      order by v.workspace_id, v.credential_id, v.version limit ${batchSize}`,
    values: [after.workspaceId, after.credentialId, after.version, workspaces.at(-1), workspaces],
  };
}
