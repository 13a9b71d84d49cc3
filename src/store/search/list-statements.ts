import { filterOf } from '../../vault/credentials/credential-filter.ts';
import type { PageRequest } from '../../vault/credentials/ports.ts';
import { isSearchable } from '../entities/search-indexes.ts';
import { credentialProperties } from '../credentials/credential-row.ts';
import { columnOf, selectList, type Statement, type StatementNames } from '../postgres/statements/statement.ts';
import { compileFilter } from './compile-filter.ts';
import { SqlParameters } from './sql-parameters.ts';

/*
 * Hand-written: without the ORM, a list of 50 took 830 µs instead of 5,000 (docs/performance.md, "Where the time goes";
 * `npm run bench -- --only rest`, list).
 */

const columns = selectList('c', credentialProperties);

/** Lists one page from or to a credential. A page that is sought backwards is found in the other direction, and is to be reversed. */
export function listPage(request: PageRequest, names: StatementNames): Statement {
  const { after, before, sortBy = 'createdAt', order, size, skip, workspaceId } = request;
  const parameters = new SqlParameters(request.now);
  const filter = filterOf(request);
  const [behind, ahead] = order === 'ascending' ? ['>', '<'] : ['<', '>'];
  const column = sortBy === 'name' ? 'name collate "C"' : columnOf(sortBy);
  const direction = (order === 'ascending') === isSoughtBackwards(request) ? 'desc' : 'asc';
  const conditions = [
    `c.workspace_id = ${parameters.add(workspaceId)}::uuid`,
    // The indexes of the other orders have the condition.
    ...(sortBy === 'createdAt' ? [] : [`c.${isSearchable}`]),
    request.deletedToo ? 'c.purged_at is null' : 'c.deleted_at is null',
    ...(filter ? [compileFilter(filter, parameters)] : []),
    ...(after === undefined ? [] : [placeCondition({ workspaceId, column, operator: behind, id: after }, parameters)]),
    ...(before === undefined ? [] : [placeCondition({ workspaceId, column, operator: ahead, id: before }, parameters)]),
  ];
  const offset = skip === undefined ? '' : ` offset ${parameters.add(skip)}::bigint`;
  const text = `
    select ${columns} from credential c where ${conditions.join(' and ')}
    order by c.${column} ${direction}, c.id ${direction} limit ${parameters.add(size)}::bigint${offset}`;
  return { name: names.nameOf(text), text, values: parameters.values };
}

/** Whether the page is the one that ends before a credential, rather than the one that begins after another. */
export function isSoughtBackwards({ after, before }: PageRequest): boolean {
  return before !== undefined && after === undefined;
}

interface Place {
  readonly workspaceId: string;
  readonly column: string;
  readonly operator: string | undefined;
  readonly id: string;
}

/** By the row of the place, so that its id is all that a caller must keep; there is none for an unknown place. */
function placeCondition({ column, id, operator, workspaceId }: Place, parameters: SqlParameters): string {
  const key = `p.workspace_id = ${parameters.add(workspaceId)}::uuid and p.id = ${parameters.add(id)}::uuid`;
  return `(c.${column}, c.id) ${operator} (select p.${column}, p.id from credential p where ${key})`;
}
