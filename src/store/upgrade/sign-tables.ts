import { nilUuid } from '../../vault/ids.ts';
import type { QueryResultRow } from 'pg';
import { selectList, type Statement, combine, updateRows } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { apiKeyProperties, userProperties, type ApiKeyRow, type UserRow } from '../identity/identity-rows.ts';
import { formatMacPrefix, hasGenuineMac, type GrantTable, type Signed } from '../identity/grant-guard.ts';
import { apiKeyGrants, userGrants, workspaceGrants } from '../identity/grant-tables.ts';
import { workspaceProperties, type WorkspaceRow } from '../workspaces/workspace-rows.ts';
import { formerApiKeyGrants, formerUserGrants } from './former-formats.ts';
import type { TableSigning } from './sign-formats.ts';

/** How to sign the rows of a table without row-level security. */
export interface TableUpgrade<Row extends Signed> {
  readonly table: GrantTable<Omit<Row, 'mac'>>;
  readonly properties: readonly string[];
  /** The format that the rows are signed in until now; absent if they have no MAC. */
  readonly former?: GrantTable<Omit<Row, 'mac'>>;
  /** Former states in events, as ids and MAC prefixes: a row in such a state was restored by an attacker. */
  readonly formerStates?: Statement;
}

export const workspaceUpgrade: TableUpgrade<WorkspaceRow> = { table: workspaceGrants, properties: workspaceProperties };

export const userUpgrade: TableUpgrade<UserRow> = {
  table: userGrants,
  former: formerUserGrants,
  properties: userProperties,
  formerStates: {
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

/** The most rows that are signed in one transaction. */
export const batchSize = 1_000;

const macTypes = { id: 'uuid', mac: 'bytea' } as const;

/** Signs rows in the order of their ids, and skips those that are signed already. */
export async function signTable<Row extends Signed & QueryResultRow & { readonly id: string }>(
  signing: TableSigning,
  upgrade: TableUpgrade<Row>,
): Promise<void> {
  const formerStates = upgrade.formerStates ? await readFormerStates(signing, upgrade.formerStates) : new Set<string>();
  let last: string | undefined = nilUuid;
  while (last !== undefined) {
    const after: string = last;
    last = await signing.database.transact({}, (transaction) =>
      signSome(transaction, { signing, upgrade, formerStates, after }),
    );
  }
}

interface Step<Row extends Signed> {
  readonly signing: TableSigning;
  readonly upgrade: TableUpgrade<Row>;
  readonly formerStates: ReadonlySet<string>;
  readonly after: string;
}

/** @returns the last id if there may be more rows */
async function signSome<Row extends Signed & QueryResultRow & { readonly id: string }>(
  transaction: Transaction,
  { after, formerStates, signing: { grantMac, progress }, upgrade }: Step<Row>,
): Promise<string | undefined> {
  const { former, table } = upgrade;
  const rows = await transaction.run<Row>(findRows(table.name, upgrade.properties, after));
  const unsigned = rows.filter((row) => !hasGenuineMac(grantMac, table, row));
  const isSound = (row: Row) =>
    former
      ? hasGenuineMac(grantMac, former, row) && !isFormerState(formerStates, row)
      : row.mac === null || row.mac === undefined;
  const sound = unsigned.filter(isSound);
  const signed = sound.map((row) => ({ id: row.id, mac: grantMac.compute(table.label, table.fields(row)) }));
  if (signed.length > 0)
    await transaction.run(combine(updateRows(table.name, macTypes, { keys: ['id'], rows: signed })));
  for (const row of unsigned) if (!sound.includes(row)) progress.fail(row.id);
  progress.add(signed.length);
  return rows.length < batchSize ? undefined : rows.at(-1)?.id;
}

function isFormerState(states: ReadonlySet<string>, row: Signed & { readonly id: string }): boolean {
  return row.mac instanceof Uint8Array && states.has(`${row.id} ${formatMacPrefix(row.mac)}`);
}

function findRows(table: string, properties: readonly string[], after: string): Statement {
  return {
    name: `rows of ${table} to sign`,
    text:
      `select ${selectList('t', properties)} from "${table}" t` +
      ` where t.id > $1 order by t.id limit ${batchSize} for no key update`,
    values: [after],
  };
}

async function readFormerStates({ database }: TableSigning, statement: Statement): Promise<ReadonlySet<string>> {
  return database.transact({}, async (transaction) => {
    const rows = await transaction.run<{ readonly id: string; readonly state: string }>(statement);
    return new Set(rows.map(({ id, state }) => `${id} ${state}`));
  });
}
