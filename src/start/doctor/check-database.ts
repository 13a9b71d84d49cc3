import type { Client } from 'pg';
import { tenantTables } from '../../store/entities/index.ts';
import { fault, ok, warning, type Finding } from './finding.ts';

const oldestVersion = 15;
const clockMsMax = 5_000;

interface Settings {
  readonly version: number;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly fullPageWrites: string;
  readonly isReadOnly: boolean;
  readonly offsetMs: number;
  readonly isSuper: boolean;
  readonly bypasses: boolean;
}

/** Checks the version, the durability and the clock of the database. */
export async function checkDatabase(owner: Client, now: () => Date): Promise<readonly Finding[]> {
  const sentMs = now().getTime();
  const { rows } = await owner.query<Settings & { readonly timeMs: number }>(`
    select current_setting('server_version_num')::int / 10000 as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as "synchronousCommit",
      current_setting('full_page_writes') as "fullPageWrites", pg_is_in_recovery() as "isReadOnly",
      extract(epoch from clock_timestamp())::float8 * 1000 as "timeMs"`);
  const [found] = rows;
  if (!found) throw new Error('the settings of the database are one row');
  const middleMs = (sentMs + now().getTime()) / 2;
  return [versionOf(found), ...durabilityOf(found), clockOf(Math.abs(found.timeMs - middleMs))];
}

function versionOf({ isReadOnly, version }: Pick<Settings, 'version' | 'isReadOnly'>): Finding {
  const check = 'database version';
  if (version < oldestVersion) return fault(check, `PostgreSQL ${version} is too old`, `use ${oldestVersion} or newer`);
  if (isReadOnly) return fault(check, 'the server is a standby, which no secret is revealed from', 'use the primary');
  return ok(check, `PostgreSQL ${version}`);
}

/** What each setting must not be, since then an answered change or event could be lost. */
function durabilityOf({ fsync, fullPageWrites, synchronousCommit }: Settings): readonly Finding[] {
  const check = 'database settings';
  const lossy = [
    { name: 'fsync', is: fsync },
    { name: 'synchronous_commit', is: synchronousCommit },
    { name: 'full_page_writes', is: fullPageWrites },
  ].filter(({ is }) => is === 'off');
  if (lossy.length === 0) return [ok(check, 'fsync, synchronous_commit and full_page_writes are on')];
  return lossy.map(({ name }) =>
    fault(check, `${name} is off: a crash may lose what was answered as stored`, `set ${name} = on`),
  );
}

function clockOf(offsetMs: number): Finding {
  const check = 'clock';
  if (offsetMs <= clockMsMax) return ok(check, 'agrees with that of the database');
  const message = `differs by ${Math.round(offsetMs / 1_000)} s from that of the database`;
  return warning(check, message, 'synchronize both machines: expiry and tokens depend on the time');
}

/** Checks that the database itself keeps tenants apart, also for the owner of the tables. */
export async function checkRowSecurity(owner: Client, role: string): Promise<readonly Finding[]> {
  const check = 'row security';
  const { rows: tables } = await owner.query<{ name: string; isForced: boolean; policies: number }>(`
    select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as "isForced",
      (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by c.relname`);
  const isClosed = (table: string) =>
    tables.some(({ isForced, name, policies }) => name === table && isForced && policies > 0);
  const open = tenantTables.filter((table) => !isClosed(table));
  const findings = open.map((table) =>
    fault(check, `is off for the table ${table}`, 'restore the table from a backup, or run the command migrate'),
  );
  const { rows: roles } = await owner.query<Pick<Settings, 'isSuper' | 'bypasses'>>(
    'select rolsuper as "isSuper", rolbypassrls as bypasses from pg_roles where rolname = $1',
    [role],
  );
  if (roles.some(({ bypasses, isSuper }) => isSuper || bypasses)) {
    findings.push(
      fault(check, `does not apply to the server's role ${role}`, `alter role ${role} nosuperuser nobypassrls`),
    );
  }
  return findings.length > 0 ? findings : [ok(check, 'is forced for all tables of workspaces')];
}
