import { defineEntity, p } from '@mikro-orm/postgresql';
import { CredentialEntity } from './credential.ts';
import { tenantRows } from './tenant-rows.ts';

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
  },
});
