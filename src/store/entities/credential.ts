import { defineEntity, p } from '@mikro-orm/postgresql';
import type { JsonObject } from '../../vault/json.ts';
import { shortIdColumn, tenantRows, textArrayColumn } from './columns.ts';
import { searchIndexes } from './search-indexes.ts';
import { WorkspaceEntity } from './workspace.ts';

/** How a column of `credential` is stored, written and signed. */
export interface ColumnRule {
  /** The column as the ORM declares it. */
  readonly property: unknown;
  /** The SQL type of its values; `jsonb` for objects of texts only. */
  readonly type: 'uuid' | 'text' | 'text[]' | 'json' | 'jsonb' | 'boolean' | 'int' | 'bigint' | 'timestamptz';
  /** Whether an update writes it. */
  readonly isChangeable: boolean;
  /**
   * Whether the row's MAC covers it: at its place in the order of this table, or by its name and only where it is set. The
   * places are those of the first release and fixed; later columns are signed by name, so that stored MACs stay valid.
   */
  readonly signed: 'by place' | 'by name' | 'no';
}

/**
 * The columns of `credential`. The entity, the lists of columns that are read, inserting, updating and the text under the MAC
 * are derived from this table. `shortId` and `mac` are not among them, since they are derived themselves.
 */
export const credentialColumns = {
  workspaceId: {
    property: () => p.manyToOne(WorkspaceEntity).primary().mapToPk().fieldName('workspace_id').index(false),
    type: 'uuid',
    isChangeable: false,
    signed: 'by place',
  },
  id: { property: p.uuid().primary(), type: 'uuid', isChangeable: false, signed: 'by place' },
  name: { property: p.text(), type: 'text', isChangeable: true, signed: 'by place' },
  // The name once more where it must be unique in the workspace.
  exclusiveName: { property: p.text().nullable(), type: 'text', isChangeable: true, signed: 'by place' },
  description: { property: p.text().nullable(), type: 'text', isChangeable: true, signed: 'by place' },
  provider: { property: p.text(), type: 'text', isChangeable: true, signed: 'by place' },
  authType: { property: p.text(), type: 'text', isChangeable: true, signed: 'by place' },
  category: { property: p.text().nullable(), type: 'text', isChangeable: true, signed: 'by place' },
  scope: { property: p.text().nullable(), type: 'text', isChangeable: true, signed: 'by place' },
  tags: { property: textArrayColumn(), type: 'text[]', isChangeable: true, signed: 'by place' },
  labels: {
    property: p.json<Readonly<Record<string, string>>>(),
    type: 'jsonb',
    isChangeable: true,
    signed: 'by place',
  },
  // `json` keeps the caller's order and number formats; nothing is searched in it.
  metadata: {
    property: p.json<JsonObject>().columnType('json').nullable(),
    type: 'json',
    isChangeable: true,
    signed: 'by place',
  },
  isActive: { property: p.boolean(), type: 'boolean', isChangeable: true, signed: 'by place' },
  expiresAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: true, signed: 'by place' },
  currentVersion: { property: p.integer(), type: 'int', isChangeable: true, signed: 'by place' },
  revision: { property: p.integer(), type: 'int', isChangeable: true, signed: 'by place' },
  // These three change where a deleted credential is created again.
  origin: { property: p.text(), type: 'text', isChangeable: true, signed: 'by place' },
  createdBy: { property: p.uuid(), type: 'uuid', isChangeable: true, signed: 'by place' },
  createdAt: { property: p.datetime(3), type: 'timestamptz', isChangeable: true, signed: 'by place' },
  updatedAt: { property: p.datetime(3), type: 'timestamptz', isChangeable: true, signed: 'by place' },
  deletedAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: true, signed: 'by place' },
  // Versions before it were pruned; null while all are there.
  oldestVersion: { property: p.integer().nullable(), type: 'int', isChangeable: true, signed: 'by name' },
  // When a deleted credential is purged, fixed at its deletion; and when it was, which leaves a row without contents.
  purgeAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: true, signed: 'by name' },
  purgedAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: true, signed: 'by name' },
  // When the next notice of expiry is due. Each notice sets it, which is no change of the credential; updates write it too.
  noticeAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: false, signed: 'no' },
  // Uses are counted by separate statements.
  lastUsedAt: { property: p.datetime(3).nullable(), type: 'timestamptz', isChangeable: false, signed: 'no' },
  useCount: { property: p.bigint('number'), type: 'bigint', isChangeable: false, signed: 'no' },
  subject: { property: p.text().nullable(), type: 'text', isChangeable: true, signed: 'by name' },
} as const satisfies Record<string, ColumnRule>;

type Properties<Columns extends Record<string, ColumnRule>> = {
  readonly [Name in keyof Columns]: Columns[Name]['property'];
};

function propertiesOf<Columns extends Record<string, ColumnRule>>(columns: Columns): Properties<Columns>;
function propertiesOf(columns: Record<string, ColumnRule>): object {
  return Object.fromEntries(Object.entries(columns).map(([name, { property }]) => [name, property]));
}

/** When a background worker has something to do: a deleted credential is purged, and another one gets notices of its expiry. */
const dueAt = 'case when purge_at is null then notice_at else purge_at end';
const dueIndex = `create index credential_due_index on credential ((${dueAt}), workspace_id, id) where ${dueAt} is not null`;

/** The metadata of a credential; its secrets are in `credential_version`. */
export const CredentialEntity = defineEntity({
  name: 'Credential',
  tableName: 'credential',
  ...tenantRows('credential', { showsDueRows: true }),
  uniques: [
    { name: 'credential_short_id_unique', properties: ['workspaceId', 'shortId'] },
    {
      name: 'credential_exclusive_name_unique',
      properties: ['workspaceId', 'exclusiveName'],
      where: 'exclusive_name is not null and deleted_at is null',
    },
  ],
  indexes: [
    { name: 'credential_list_index', properties: ['workspaceId', 'createdAt', 'id'] },
    { name: 'credential_name_index', properties: ['workspaceId', 'name', 'id'] },
    {
      name: 'credential_subject_index',
      properties: ['workspaceId', 'subject', 'provider'],
      where: 'subject is not null',
    },
    { name: 'credential_due_index', expression: dueIndex },
    ...searchIndexes.map(({ name, on }) => ({ name, expression: `create index ${name} on ${on}` })),
  ],
  checks: [
    { name: 'credential_current_version_check', expression: 'current_version >= 1' },
    { name: 'credential_revision_check', expression: 'revision >= 1' },
  ],
  properties: {
    ...propertiesOf(credentialColumns),
    shortId: shortIdColumn(),
    // Null only in rows from before there were MACs, until the next start. Metadata are shown without checking it.
    mac: p.blob().nullable().lazy(),
  },
});

/** States of a version. A destroyed one keeps its row without `sealed` and `keyId`. */
const versionStates = ['enabled', 'destroyed'] as const;

/** A state of a version. */
export type VersionState = (typeof versionStates)[number];

/** Pruning deletes versions of credentials that still exist, but never the current one. */
const isSuperseded = `version < (select c.current_version from credential c where c.workspace_id = credential_version.workspace_id and c.id = credential_version.credential_id)`;
/** A purged credential keeps no versions at all. */
const isPurged = `exists (select 1 from credential c where c.workspace_id = credential_version.workspace_id and c.id = credential_version.credential_id and c.purged_at is not null)`;

/** One sealed secret of a credential. The ciphertext is lazy: it is loaded only where it is selected by name. */
export const CredentialVersionEntity = defineEntity({
  name: 'CredentialVersion',
  tableName: 'credential_version',
  ...tenantRows('credential_version', { isDeletable: `${isSuperseded} or ${isPurged}`, showsDueRows: true }),
  indexes: [
    {
      name: 'credential_version_superseding_index',
      properties: ['createdAt', 'workspaceId', 'credentialId'],
      where: 'version > 1',
    },
  ],
  checks: [{ name: 'credential_version_version_check', expression: 'version >= 1' }],
  properties: {
    workspaceId: p.uuid().primary(),
    credentialId: p.uuid().primary(),
    version: p.integer().primary(),
    credential: () =>
      p
        .manyToOne(CredentialEntity)
        .joinColumns('workspace_id', 'credential_id')
        .foreignKeyName('credential_version_credential_foreign')
        .updateRule('no action')
        .index(false),
    sealed: p.blob().nullable().lazy(),
    keyId: p.blob().nullable(),
    createdBy: p.uuid(),
    createdAt: p.datetime(3),
    state: p.enum(versionStates).columnType('text').default('enabled'),
    // Null only in rows from before there were MACs, until the next start.
    mac: p.blob().nullable().lazy(),
  },
});

/** A caller that used a credential lately. It is a hint that decides nothing, and so has no MAC. */
export const CredentialConsumerEntity = defineEntity({
  name: 'CredentialConsumer',
  tableName: 'credential_consumer',
  ...tenantRows('credential_consumer', { isErasable: true }),
  properties: {
    workspaceId: p.uuid().primary(),
    credentialId: p.uuid().primary(),
    consumerId: p.uuid().primary(),
    kind: p.enum(['user', 'api_key']).columnType('text'),
    name: p.text(),
    lastUsedAt: p.datetime(3),
  },
});
