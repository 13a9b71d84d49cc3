import { consumersMax, type Consumer } from '../../vault/consumer.ts';
import type { ConsumerUse } from '../../vault/usage/consumer-recorder.ts';
import { isReadableTime } from '../postgres/statements/column-readers.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/*
 * Hand-written: the consumers of all reveals of a second are written in one round trip, each row by its key, and those of a
 * credential are read in the statement that reads its row (`npm run bench -- --only rest`, get).
 */

/** A consumer in `recentConsumers`. */
export interface ConsumerRow {
  readonly kind: Consumer['kind'];
  readonly id: string;
  readonly name: string;
  /** In the format of JSON in PostgreSQL. */
  readonly lastUsedAt: string;
}

/** The consumers in a row, the newest first; without those whose time is not one that Coffer writes. */
export function consumersOf(rows: readonly ConsumerRow[]): readonly Consumer[] {
  const consumers = rows.map(({ lastUsedAt, ...consumer }) => ({ ...consumer, lastUsedAt: new Date(lastUsedAt) }));
  return consumers.filter(({ lastUsedAt }) => isReadableTime(lastUsedAt));
}

/** The newest consumers of the credential `f`, as JSON. */
export const recentConsumers = `(
        select json_agg(json_build_object('kind', n.kind, 'id', n.consumer_id, 'name', n.name, 'lastUsedAt', n.last_used_at))
        from (
          select * from credential_consumer k where k.workspace_id = f.workspace_id and k.credential_id = f.id
          order by k.last_used_at desc, k.consumer_id limit ${consumersMax}
        ) n
      )`;

/**
 * Adds consumers, or the times of their last use. It locks the credentials in the order of their ids, so that processes which
 * write consumers of the same ones wait for one another instead of deadlocking, and what is purged gets none.
 */
export function addConsumers(uses: readonly ConsumerUse[]): Statement {
  return {
    name: 'add consumers',
    text: `
      with used as (
        select *
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
          as u (workspace_id, credential_id, consumer_id, kind, name, last_used_at)
        order by workspace_id, credential_id, consumer_id
      ), present as (
        select used.*
        from used cross join lateral (
          select from credential c
          where c.workspace_id = used.workspace_id and c.id = used.credential_id and c.purged_at is null
          offset 0 for no key update
        ) f
        where (select w.deleted_at is null from workspace w where w.id = used.workspace_id)
      )
      insert into credential_consumer as k (workspace_id, credential_id, consumer_id, kind, name, last_used_at)
      select workspace_id, credential_id, consumer_id, kind, name, last_used_at from present
      on conflict (workspace_id, credential_id, consumer_id) do update
        set last_used_at = greatest(k.last_used_at, excluded.last_used_at), name = excluded.name`,
    values: [
      ...placesOf(uses),
      uses.map(({ id }) => id),
      uses.map(({ kind }) => kind),
      uses.map(({ name }) => name),
      uses.map(({ lastUsedAt }) => lastUsedAt),
    ],
  };
}

/** Drops all but the newest consumers of the credentials that have got some in this transaction. */
export function dropOldConsumers(uses: readonly ConsumerUse[]): Statement {
  return {
    name: 'drop old consumers',
    text: `
      delete from credential_consumer d
      using (select distinct * from unnest($1::uuid[], $2::uuid[]) as u (workspace_id, credential_id)) p
      cross join lateral (
        select k.consumer_id from credential_consumer k
        where k.workspace_id = p.workspace_id and k.credential_id = p.credential_id
        order by k.last_used_at desc, k.consumer_id offset ${consumersMax}
      ) o
      where d.workspace_id = p.workspace_id and d.credential_id = p.credential_id and d.consumer_id = o.consumer_id`,
    values: placesOf(uses),
  };
}

function placesOf(uses: readonly ConsumerUse[]): unknown[] {
  return [uses.map(({ workspaceId }) => workspaceId), uses.map(({ credentialId }) => credentialId)];
}
