import { defineEntity, p } from '@mikro-orm/postgresql';
import { CredentialEntity } from './credential.ts';
import { tenantRows } from './tenant-rows.ts';

/** States of a version; nothing destroys one yet. */
export const versionStates = ['enabled', 'destroyed'] as const;

/** One sealed secret of a credential. The ciphertext is lazy: only who asks for it by name loads it. */
export const CredentialVersionEntity = defineEntity({
  name: 'CredentialVersion',
  tableName: 'credential_version',
  ...tenantRows('credential_version'),
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
    sealed: p.blob().lazy(),
    keyId: p.blob(),
    createdBy: p.uuid(),
    createdAt: p.datetime(3),
    state: p.enum(versionStates).columnType('text').default('enabled'),
    // Null only in rows from before there were MACs, until the next start.
    mac: p.blob().nullable().lazy(),
  },
});
