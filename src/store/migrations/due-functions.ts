/** A function of the database that answers what is due. */
export interface DueFunctionDefinition {
  readonly name: string;
  /** The tenant table, which has the policy of `showDueRows`. */
  readonly table: string;
  /** The time from which on the row `r` is due, which an index begins with; the workspace and the id follow. */
  readonly time: string;
  /** By whose time: that of the calling process, or the earlier one of that and the database's. */
  readonly clock: 'process' | 'both';
  /** What else must hold of the row. */
  readonly condition: string;
}

/**
 * The policy that shows due rows of all workspaces to these functions, and to nothing else: they set the variable, and run as
 * the owner, who may truncate the table.
 */
export function dueRowsCondition(table: string): string {
  return `current_setting('coffer.due_rows', true) = 'shown' and has_table_privilege('${table}'::regclass, 'truncate')`;
}

/** The query of a function, by its parameters. Under row-level security, only leakproof conditions can use an index. */
export function selectDue({ table, time, clock, condition }: DueFunctionDefinition): string {
  const now = clock === 'both' ? 'least(clock, now())' : 'clock';
  return `
    select r.workspace_id, r.id, ${time} from ${table} r
    where ${time} <= ${now} and (${time}, r.workspace_id, r.id) > (after_at, after_workspace, after_id)
      and ${condition}
      and exists (select from workspace w where w.id = r.workspace_id and w.deleted_at is null)
    order by ${time}, r.workspace_id, r.id
    limit most`;
}

/**
 * The statement that creates a function which answers rows that are due, in the order of their times, without those of deleted
 * workspaces. It runs as its owner, because row-level security shows the server no workspace that it does not name. It answers
 * nothing but ids and times, and `schema/app-role.ts` grants it.
 *
 * It sets the variable itself: as an option of the function, only superusers may set it.
 */
export function createDueFunction(definition: DueFunctionDefinition): string {
  return createFunctionOfDue(definition.name, selectDue(definition));
}

/** As `createDueFunction`, for a query of its parameters. */
export function createFunctionOfDue(name: string, query: string): string {
  return `
    do $do$ begin
      execute format($format$
        create function ${name}(clock timestamptz, after_at timestamptz, after_workspace uuid, after_id uuid, most int)
        returns table (workspace_id uuid, id uuid, due_at timestamptz)
        language plpgsql security definer set search_path = %I, pg_temp as $body$
        begin
          perform set_config('coffer.due_rows', 'shown', true);
          return query
            ${query};
          perform set_config('coffer.due_rows', '', true);
        end
        $body$
      $format$, current_schema());
      revoke all on function ${name} from public;
    end $do$`;
}
