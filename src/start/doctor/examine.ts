import type { Client } from 'pg';
import type { Keyring } from '../../encryption/keyring.ts';
import type { AuditHead } from '../../vault/audit/audit-chain.ts';
import { explainError } from '../explain-error.ts';
import {
  inspectKeys,
  inspectSchema,
  openReadOnlySession,
  openReadOnlyVerifier,
  type InspectionParts,
} from '../inspect-instance.ts';
import { checkDatabase, checkRowSecurity } from './check-database.ts';
import { checkCoreDumps, checkFiles } from './check-machine.ts';
import { fault, ok, skipped, type Examiner } from './finding.ts';

/** What an examination is asked for. */
export interface Examination extends InspectionParts {
  /** Heads that the trail must still have, by stream. */
  readonly expected: ReadonlyMap<string, AuditHead>;
  /** How many versions of secrets are opened. */
  readonly versionsMax: number;
  /** The process id of the running server; undefined where none runs here. */
  readonly serverPid: number | undefined;
}

/**
 * Examines a vault without changing anything: the machine, the database, the keys, and then every row. A check that cannot be
 * made, such as for a refused session, is a fault, and those that need it are skipped.
 */
export async function examine(examination: Examination, examiner: Examiner): Promise<void> {
  const { clock, config, connection, serverPid } = examination;
  const add = examiner.add;
  for (const finding of await checkFiles(config)) add(finding);
  add(await checkCoreDumps(serverPid ?? 'self'));
  await using stack = new AsyncDisposableStack();
  const attempt = attempting(examiner);
  const session = await attempt('database', () => openReadOnlySession(connection, stack));
  if (!session) return;
  await attempt('database settings', async () => {
    for (const finding of await checkDatabase(session, () => clock.now())) add(finding);
    return true;
  });
  const schema = await attempt('migrations', async () => ({ role: await inspectSchema(session) }));
  if (!schema) return;
  add(ok('migrations', 'the schema is that of this release'));
  await attempt('row security', async () => {
    for (const finding of await checkRowSecurity(session, await roleOf(session, schema.role))) add(finding);
    return true;
  });
  if (config.masterKey.kind === 'unseal') {
    return add(
      skipped(
        'master key',
        'COFFER_SEALED_START leaves it elsewhere: give it to this command to check rows, trail and secrets',
      ),
    );
  }
  const keys = await attempt('master key', async () => ({ keyring: await inspectKeys(session, examination, stack) }));
  if (!keys) return;
  if (!keys.keyring) return add(fault('master key', 'the database has no keyring', 'restore it from a backup'));
  add(ok('master key', `${keys.keyring.masterFingerprint} opens the keyring`));
  await examineRows(keys.keyring, schema.role, examination, { examiner, stack });
}

async function roleOf(session: Client, role: string | null): Promise<string> {
  if (role !== null) return role;
  const { rows } = await session.query<{ user: string }>('select current_user as "user"');
  return rows[0]?.user ?? '';
}

/** Verifies the MAC of every row, the trail and the versions. */
async function examineRows(
  keyring: Keyring,
  role: Parameters<typeof openReadOnlyVerifier>[1],
  examination: Examination,
  { examiner, stack }: { readonly examiner: Examiner; readonly stack: AsyncDisposableStack },
): Promise<void> {
  const check = 'rows and trail';
  const { expected, signal, versionsMax } = examination;
  await attempting(examiner)(check, async () => {
    const verifier = await openReadOnlyVerifier(keyring, role, examination, stack);
    const onFault = (found: { readonly stream: string; readonly message: string }) =>
      examiner.add(fault(check, `${found.stream}: ${found.message}`, remedyOfRow));
    const observer = { onProgress: examiner.onProgress, onFault };
    const { eventCount, intact } = await verifier.verify(expected, {
      observer,
      versionsMax,
      ...(signal && { signal }),
    });
    if (intact) examiner.add(ok(check, `${eventCount} events and all rows are as they were written`));
    if (expected.size === 0)
      examiner.add(skipped('kept heads', 'give --heads FILE to see that the end was not cut off'));
    if (Number.isFinite(versionsMax)) {
      examiner.add(skipped('all versions', `${versionsMax} at most were opened; give --all to open every one`));
    }
    return true;
  });
}

const remedyOfRow = 'compare with a backup, and see docs/audit.md before anything is deleted';

/** @returns what the work returns; undefined where it failed, which is then a fault */
function attempting({ add }: Examiner) {
  return async <Result>(check: string, work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await work();
    } catch (error) {
      add(fault(check, explainError(error)));
      return undefined;
    }
  };
}
