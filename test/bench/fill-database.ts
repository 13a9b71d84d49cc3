import { Client } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';

/** What is to be added to a database that has a credential already. */
export interface Filling {
  readonly credentials: number;
  /** All, those included that are there already. */
  readonly workspaces: number;
  /** Whether it contains `searched`. */
  readonly isSearched?: boolean;
}

/** Adds a part of the filling, at most what is left of it. */
export type Fill = (share: number) => Promise<void>;

/**
 * What is to be found among the rest: one in a hundred credentials, but enough for a page so that answers have the same size in
 * small and large databases, and three of all. It is their provider, their subject, their
 * tag and label, and what their names begin with.
 */
export const searched = { percent: 'one in a hundred', three: 'one of three' } as const;
/** The label whose values these are. */
export const searchedLabel = 'share';

/**
 * Fills a database by SQL, which is fast: each row is a copy of one that Coffer has written, with ids of its own, in the
 * order of time. So it has the size and the columns of a real one; its secret does not open.
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
      await addCredentials(session, { from: filling.credentials - left - count, count, filling });
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

/** More than a page has. */
const matchesLeast = 64;

/** Of how many credentials one is searched for. */
function everyOf({ credentials }: Filling): number {
  return Math.max(1, Math.min(100, Math.floor(credentials / matchesLeast)));
}

interface Part {
  /** The credentials with numbers above this one. */
  readonly from: number;
  readonly count: number;
  readonly filling: Filling;
}

async function addCredentials(session: Client, { count, filling, from }: Part): Promise<void> {
  const share = filling.isSearched ? shareOf('number', everyOf(filling)) : 'null::text';
  await session.query(`
    create temp table place as
      with every as (select array_agg(id order by id) as ids from workspace)
      select uuidv7() as id, ids[1 + number % cardinality(ids)] as workspace_id, number, ${share} as share
      from every, generate_series(${from + 1}, ${from + count}) as number`);
  const workspace = { workspace_id: 'place.workspace_id' };
  // A search reads few of the same time, as Coffer creates them.
  const time = filling.isSearched ? `now() + place.number * interval '1 microsecond'` : 'now()';
  await copyRow(session, 'credential', {
    ...workspace,
    id: 'place.id',
    created_at: time,
    updated_at: time,
    name: `coalesce(place.share, 'filler') || ' ' || place.number`,
    exclusive_name: 'null',
    provider: 'coalesce(place.share, model.provider)',
    subject: 'place.share',
    tags: 'array_remove(array[place.share], null)',
    labels: `jsonb_strip_nulls(jsonb_build_object('${searchedLabel}', place.share))`,
  });
  await copyRow(session, 'credential_version', { ...workspace, credential_id: 'place.id' });
  if (filling.isSearched) await addTerms(session);
  await session.query('drop table place');
}

/** Which share of the searched ones a credential with a number is of. */
function shareOf(number: string, every: number): string {
  return `case when ${number} in (7, 8, 9) then '${searched.three}'
    when ${number} % ${every} = 0 then '${searched.percent}' end`;
}

/** The triggers that would add them are off. */
async function addTerms(session: Client): Promise<void> {
  await session.query(`
    insert into credential_term (workspace_id, kind, key, value, created_at, credential_id)
      select c.workspace_id, t.kind, t.key, t.value, c.created_at, c.id
      from place join credential c on c.workspace_id = place.workspace_id and c.id = place.id
        cross join lateral (values ('tag', place.share, ''), ('label', '${searchedLabel}', place.share)) as t (kind, key, value)
      where place.share is not null`);
}

/** Copies the first row once for each in `place`, with some columns changed, whatever others it has. */
async function copyRow(session: Client, table: string, changed: Readonly<Record<string, string>>): Promise<void> {
  const text = `select column_name as name from information_schema.columns where table_name = $1 and is_generated = 'NEVER'`;
  const { rows } = await session.query<{ name: string }>(text, [table]);
  const names = rows.map(({ name }) => name);
  // A miniature of the table may lack some of the columns.
  const values = names.map((name) => changed[name] ?? `model.${name}`);
  await session.query(`
    insert into ${table} (${names.join(', ')})
      select ${values.join(', ')} from place cross join (select * from ${table} limit 1) as model`);
}
