import { defineEntity, p } from '@mikro-orm/postgresql';
import { UserEntity } from './user.ts';

/** A login session, by the hash of its token. Grants something: carries a MAC. */
export const SessionEntity = defineEntity({
  name: 'Session',
  tableName: 'session',
  uniques: [{ name: 'session_hash_unique', properties: ['hash'] }],
  indexes: [{ name: 'session_user_index', properties: ['userId', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(UserEntity).mapToPk().fieldName('user_id').index(false),
    hash: p.blob(),
    expiresAt: p.datetime(3),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
