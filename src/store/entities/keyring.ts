import { defineEntity, p } from '@mikro-orm/postgresql';

/** The instance's own keys, wrapped: one row. */
export const KeyringEntity = defineEntity({
  name: 'Keyring',
  tableName: 'keyring',
  checks: [{ name: 'keyring_single_row_check', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    instanceId: p.uuid(),
    derivation: p.enum(['argon2id', 'key']).columnType('text'),
    salt: p.blob(),
    masterFingerprint: p.text(),
    canary: p.blob(),
    wrappedKeys: p.blob(),
    createdAt: p.datetime(3),
  },
});
