import type { InferEntity } from '@mikro-orm/postgresql';
import type { Credential, SealedVersion } from '../../vault/credentials/credential.ts';
import { credentialColumns, type CredentialEntity } from '../entities/credential.ts';
import { isReadableTime, readableCount, readableTime } from '../postgres/statements/column-readers.ts';
import type { ColumnTypes, RowValues, WrittenColumn } from '../postgres/statements/statement.ts';

/** A row of `credential` as it is read. */
export type CredentialRow = Omit<InferEntity<typeof CredentialEntity>, 'shortId' | 'mac'>;

/** A column of a credential by its property. */
export type CredentialProperty = keyof typeof credentialColumns;

/** The properties of a credential, in the order of its columns; all of them are read. */
export const credentialProperties = Object.keys(credentialColumns).filter(isCredentialProperty);

function isCredentialProperty(name: string): name is CredentialProperty {
  return name in credentialColumns;
}

/** The types of the columns of a version. */
export const versionTypes: ColumnTypes = {
  workspaceId: 'uuid',
  credentialId: 'uuid',
  version: 'int',
  sealed: 'bytea',
  keyId: 'bytea',
  createdBy: 'uuid',
  createdAt: 'timestamptz',
  mac: 'bytea',
};

/** Identifies a credential among those of all workspaces. */
export function keyOf({ workspaceId, id }: Pick<Credential, 'workspaceId' | 'id'>): string {
  return `${workspaceId}/${id}`;
}

/** A row of `credential_version` as it is read where its secret is wanted; all null where it is missing. */
export interface SealedRow {
  readonly version: number | null;
  readonly sealed: Uint8Array | null;
  readonly keyId: Uint8Array | null;
  readonly versionCreatedBy: string;
  readonly versionCreatedAt: Date;
}

/** The version in a row; undefined where there is none, or its content was removed outside of Coffer. */
export function sealedVersionOf({
  keyId,
  sealed,
  version,
  versionCreatedAt: createdAt,
  versionCreatedBy: createdBy,
}: SealedRow): SealedVersion | undefined {
  if (version === null || sealed === null || keyId === null) return undefined;
  return { version, sealed, keyId, createdBy, createdAt };
}

/** The credential in a row. */
export function credentialOf(row: CredentialRow): Credential {
  return {
    workspaceId: row.workspaceId,
    id: row.id,
    name: row.name,
    nameIsExclusive: typeof row.exclusiveName === 'string',
    description: row.description ?? null,
    provider: row.provider,
    authType: row.authType,
    category: row.category ?? null,
    scope: row.scope ?? null,
    tags: row.tags,
    labels: row.labels,
    metadata: row.metadata ?? null,
    isActive: row.isActive,
    expiresAt: row.expiresAt ?? null,
    lastUsedAt: readableTime(row.lastUsedAt),
    useCount: readableCount(row.useCount),
    currentVersion: row.currentVersion,
    revision: row.revision,
    origin: row.origin,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    deletedAt: row.deletedAt ?? null,
    subject: row.subject ?? null,
    oldestVersion: row.oldestVersion ?? null,
    purgeAt: row.purgeAt ?? null,
    purgedAt: row.purgedAt ?? null,
    noticeAt: row.noticeAt ?? null,
  };
}

/** The deepest metadata that a request may bring. */
const metadataDepthMax = 64;

/** Whether a row can be shown: lists and descriptions, which check no MAC, must not fail because of what somebody else stored. */
export function isShowable(row: CredentialRow): boolean {
  const times = [row.createdAt, row.updatedAt, row.expiresAt, row.deletedAt, row.purgeAt];
  return (
    times.every((time) => !time || isReadableTime(time)) &&
    row.tags.every(isText) &&
    isObject(row.labels) &&
    Object.values(row.labels).every(isText) &&
    (row.metadata === null || row.metadata === undefined || isObject(row.metadata)) &&
    isShallow(row.metadata, metadataDepthMax)
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShallow(value: unknown, depthMax: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depthMax > 0 && Object.values(value).every((member) => isShallow(member, depthMax - 1));
}

/** A credential with the MAC of its row. */
export interface SignedCredential {
  readonly credential: Credential;
  readonly mac: Uint8Array;
}

const macColumn: WrittenColumn<SignedCredential> = { property: 'mac', type: 'bytea', valueOf: ({ mac }) => mac };

/** What no new credential has. Each column costs a create time. */
const absentAtFirst: ReadonlySet<CredentialProperty> = new Set(['purgeAt', 'purgedAt']);

/** The columns that are written of a new credential. */
export const insertedColumns = [
  ...credentialProperties.filter((property) => !absentAtFirst.has(property)).map(writtenColumn),
  macColumn,
];

/** The columns that are written of a changed credential: its key, all that may change, and its notices; uses are counted apart. */
export const updatedColumns = [
  ...credentialProperties
    .filter((property) => isKey(property) || credentialColumns[property].isChangeable)
    .map(writtenColumn),
  writtenColumn('noticeAt'),
  macColumn,
];

function isKey(property: CredentialProperty): boolean {
  return property === 'workspaceId' || property === 'id';
}

function writtenColumn(property: CredentialProperty): WrittenColumn<SignedCredential> {
  const { type } = credentialColumns[property];
  if (property !== 'exclusiveName') return { property, type, valueOf: ({ credential }) => credential[property] };
  return { property, type, valueOf: ({ credential: { name, nameIsExclusive } }) => (nameIsExclusive ? name : null) };
}

/** A version with the MAC of its row. */
export interface SignedVersion {
  readonly credential: Credential;
  readonly version: SealedVersion;
  readonly mac: Uint8Array;
}

/** The row of a version of a credential that is new; its state is the column's default. */
export function versionValuesOf({ credential, version, mac }: SignedVersion): RowValues {
  return {
    workspaceId: credential.workspaceId,
    credentialId: credential.id,
    version: version.version,
    sealed: version.sealed,
    keyId: version.keyId,
    createdBy: version.createdBy,
    createdAt: version.createdAt,
    mac,
  };
}
