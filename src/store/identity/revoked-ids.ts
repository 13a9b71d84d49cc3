/**
 * Of API keys and sessions those that no longer prove anybody, as an array; null where all of them do. Each is looked up by
 * its key, once a statement, whatever the planner thinks: what else is asked of a row is therefore no condition.
 *
 * @param parameter whose value is an array of ids
 */
export function revokedIds(parameter: string): string {
  return `(
        select array_agg(q.id) from unnest(${parameter}::uuid[]) as q (id)
        where (select k.revoked_at is null and ${isActive('k')} from api_key k where k.id = q.id) is not true
          and (select ${isActive('s')} from session s where s.id = q.id) is not true
      )`;
}

function isActive(table: 'k' | 's'): string {
  return `(select u.deactivated_at is null from "user" u where u.id = ${table}.user_id)`;
}
