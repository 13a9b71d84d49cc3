import { Client } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';

/** What is to be added to a database that has a credential already. */
export interface Filling {
  readonly credentials: number;
  /** All, those included that are there already. */
  readonly workspaces: number;
}

/** Adds a part of the filling, at most what is left of it. */
export type Fill = (share: number) => Promise<void>;

/**
 * Fills a database by SQL, which is fast: each row is a copy of one that Coffer has written, with ids of its own, in the
 * order of time. So it has the size and the columns of a real one; its secret does not open, and nobody asks for it.
 */
export function fillerOf(connection: PostgresConnection, filling: Filling): Fill {
  let left = filling.credentials;
  return async (share) => {
    const count = Math.min(left, Math.ceil(filling.credentials * share));
    if (count <= 0) return;
    left -= count;
    const session = new Client(connection);
    await session.connect();
    try {
      // The superuser's, whom row-level security does not bind; that the rows refer to what is there is known.
      await session.query('set session_replication_role = replica; set synchronous_commit = off');
      await addWorkspaces(session, filling.workspaces);
      await addCredentials(session, count);
      // As autovacuum would some time later, in the middle of a turn.
      if (left === 0) await session.query('vacuum analyze');
    } finally {
      await session.end();
    }
  };
}

async function addWorkspaces(session: Client, wanted: number): Promise<void> {
  const { rows } = await session.query<{ count: number }>('select count(*)::int as count from workspace');
  const missing = wanted - (rows[0]?.count ?? 0);
  if (missing <= 0) return;
  await session.query(`create temp table place as select uuidv7() as id from generate_series(1, ${missing})`);
  await copyRow(session, 'workspace', { id: 'place.id' });
  await copyRow(session, 'workspace_key', { workspace_id: 'place.id' });
  await session.query('drop table place');
}

async function addCredentials(session: Client, count: number): Promise<void> {
  await session.query(`
    create temp table place as
      with every as (select array_agg(id) as ids from workspace)
      select uuidv7() as id, ids[1 + number % cardinality(ids)] as workspace_id, number
      from every, generate_series(1, ${count}) as number`);
  const workspace = { workspace_id: 'place.workspace_id' };
  const times = { created_at: 'now()', updated_at: 'now()' };
  const names = { name: `'filler ' || place.number`, exclusive_name: 'null' };
  await copyRow(session, 'credential', { ...workspace, ...times, ...names, id: 'place.id' });
  await copyRow(session, 'credential_version', { ...workspace, credential_id: 'place.id' });
  await session.query('drop table place');
}

/** Copies the first row once for each in `place`, with some columns changed, whatever others it has. */
async function copyRow(session: Client, table: string, changed: Readonly<Record<string, string>>): Promise<void> {
  const text = `select column_name as name from information_schema.columns where table_name = $1 and is_generated = 'NEVER'`;
  const { rows } = await session.query<{ name: string }>(text, [table]);
  const names = rows.map(({ name }) => name);
  const values = names.map((name) => changed[name] ?? `model.${name}`);
  await session.query(`
    insert into ${table} (${names.join(', ')})
      select ${values.join(', ')} from place cross join (select * from ${table} limit 1) as model`);
}
