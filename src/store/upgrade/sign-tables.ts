import { nilUuid } from '../../vault/ids.ts';
import type { QueryResultRow } from 'pg';
import { selectList, type Statement, combine, updateRows } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { apiKeyProperties, userProperties, type ApiKeyRow, type UserRow } from '../identity/access-rows.ts';
import { hasGenuineMac, type GrantTable, type Signed } from '../identity/grant-guard.ts';
import { apiKeyGrants, userGrants, workspaceGrants } from '../identity/grant-tables.ts';
import { formatMacPrefix } from '../identity/prior-state.ts';
import { workspaceProperties, type WorkspaceRow } from '../workspaces/workspace-statements.ts';
import { formerApiKeyGrants, formerUserGrants } from './former-formats.ts';
import type { TableSigning } from './sign-formats.ts';

/** How the rows of a table that is no tenant's get their new format. */
export interface TableUpgrade<Row extends Signed> {
  readonly table: GrantTable<Omit<Row, 'mac'>>;
  readonly properties: readonly string[];
  /** The table as it was signed until now; absent where its rows had no MAC. */
  readonly former?: GrantTable<Omit<Row, 'mac'>>;
  /** States that events record as ended, as ids and halves of MACs: a row in one was put back. */
  readonly endedStates?: Statement;
}

export const workspaceUpgrade: TableUpgrade<WorkspaceRow> = { table: workspaceGrants, properties: workspaceProperties };

export const userUpgrade: TableUpgrade<UserRow> = {
  table: userGrants,
  former: formerUserGrants,
  properties: userProperties,
  endedStates: {
    name: '',
    text: `
      select resource_id as id, resource_state as state from audit_event
      where outcome = 'OK' and resource_kind = 'user' and resource_state is not null and resource_id is not null`,
    values: [],
  },
};

export const apiKeyUpgrade: TableUpgrade<ApiKeyRow> = {
  table: apiKeyGrants,
  former: formerApiKeyGrants,
  properties: apiKeyProperties,
};

/** How many rows are signed in one transaction. */
export const rowsAtATime = 1_000;

const macTypes = { id: 'uuid', mac: 'bytea' } as const;

/** Signs rows in the order of their ids, those aside that are signed already. */
export async function signTable<Row extends Signed & QueryResultRow & { readonly id: string }>(
  signing: TableSigning,
  upgrade: TableUpgrade<Row>,
): Promise<void> {
  const ended = upgrade.endedStates ? await readEnded(signing, upgrade.endedStates) : new Set<string>();
  let last: string | undefined = nilUuid;
  while (last !== undefined) {
    const after: string = last;
    last = await signing.database.transact({}, (transaction) =>
      signSome(transaction, { signing, upgrade, ended, after }),
    );
  }
}

interface Step<Row extends Signed> {
  readonly signing: TableSigning;
  readonly upgrade: TableUpgrade<Row>;
  readonly ended: ReadonlySet<string>;
  readonly after: string;
}

/** @returns the last id, where there may be more */
async function signSome<Row extends Signed & QueryResultRow & { readonly id: string }>(
  transaction: Transaction,
  { after, ended, signing: { grantMac, progress }, upgrade }: Step<Row>,
): Promise<string | undefined> {
  const { former, table } = upgrade;
  const rows = await transaction.run<Row>(findRows(table.name, upgrade.properties, after));
  const unsigned = rows.filter((row) => !hasGenuineMac(grantMac, table, row));
  const isSound = (row: Row) =>
    former ? hasGenuineMac(grantMac, former, row) && !isEnded(ended, row) : row.mac === null || row.mac === undefined;
  const sound = unsigned.filter(isSound);
  const signed = sound.map((row) => ({ id: row.id, mac: grantMac.compute(table.label, table.fields(row)) }));
  if (signed.length > 0)
    await transaction.run(combine(updateRows(table.name, macTypes, { keys: ['id'], rows: signed })));
  for (const row of unsigned) if (!sound.includes(row)) progress.fail(row.id);
  progress.add(signed.length);
  return rows.length < rowsAtATime ? undefined : rows.at(-1)?.id;
}

function isEnded(ended: ReadonlySet<string>, row: Signed & { readonly id: string }): boolean {
  return row.mac instanceof Uint8Array && ended.has(`${row.id} ${formatMacPrefix(row.mac)}`);
}

function findRows(table: string, properties: readonly string[], after: string): Statement {
  return {
    name: `rows of ${table} to sign`,
    text:
      `select ${selectList('t', properties)} from "${table}" t` +
      ` where t.id > $1 order by t.id limit ${rowsAtATime} for no key update`,
    values: [after],
  };
}

async function readEnded({ database }: TableSigning, statement: Statement): Promise<ReadonlySet<string>> {
  return database.transact({}, async (transaction) => {
    const rows = await transaction.run<{ readonly id: string; readonly state: string }>(statement);
    return new Set(rows.map(({ id, state }) => `${id} ${state}`));
  });
}
