import { defineEntity, p } from '@mikro-orm/postgresql';

/** The last seal of all servers by an owner: one row. Its MAC proves that Coffer has written it. */
export const SealEntity = defineEntity({
  name: 'Seal',
  tableName: 'seal',
  checks: [{ name: 'seal_single_row_check', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    number: p.bigint('number'),
    sealedAt: p.datetime(3),
    mac: p.blob(),
  },
});

/** The hash of a share of the master key. It needs no MAC: a share that it lets pass must still give the right key. */
export const KeyShareEntity = defineEntity({
  name: 'KeyShare',
  tableName: 'key_share',
  properties: {
    hash: p.blob().primary(),
    masterFingerprint: p.text(),
    threshold: p.smallint(),
  },
});
