import { CofferError } from '../../errors/errors.ts';
import { canonicalJson } from '../reading/json.ts';
import { isOpened, type OpenedEntry } from '../reading/source-entry.ts';
import { RefusedCallError } from '../vault/dialect-calls.ts';
import type { Writer, WriterContext } from '../writers/writer.ts';
import type { ImportRow, StoredRows } from './import-row.ts';

const purpose = 'verify an import';

/** Compares an entry with what the vault has; returns what differs. */
type Comparison = (entry: OpenedEntry, credentialId: string) => Promise<string | undefined>;

/** Reads all rows back that are in the vault, also those that an earlier import stored. */
export async function verifyRows(
  rows: readonly ImportRow[],
  context: WriterContext,
  writer: Writer,
): Promise<StoredRows> {
  const verified = [...rows];
  try {
    const compare = await compareStored(context, writer);
    for (const [index, row] of rows.entries()) {
      const isPending = row.credentialId !== undefined && row.verification === undefined;
      if (isPending && isOpened(row.entry)) verified[index] = await verifyRow(row, row.entry, compare);
    }
    return { rows: verified };
  } catch (error) {
    if (error instanceof CofferError) return { rows: verified, failure: error };
    throw error;
  }
}

/** Compares the secret, and what the dialect shows. */
export async function compareStored({ coffer, workspace }: WriterContext, writer: Writer): Promise<Comparison> {
  const compareShown = await writer.startReading();
  return async (entry, credentialId) => {
    const { secret = {} } = await coffer.secrets.revealSecret({ workspaceId: workspace.id, credentialId, purpose });
    if (canonicalJson(secret) !== canonicalJson(entry.secret.fields)) return 'its secret differs';
    return compareShown(entry, credentialId);
  };
}

/** Reads one row back. */
export async function verifyRow(row: ImportRow, entry: OpenedEntry, compare: Comparison): Promise<ImportRow> {
  try {
    const difference = await compare(entry, row.credentialId ?? '');
    return difference === undefined
      ? { ...row, verification: 'equal' }
      : { ...row, verification: 'differs', reason: difference };
  } catch (error) {
    if (!isAboutOne(error)) throw error;
    return { ...row, verification: 'unreadable', reason: error.message };
  }
}

/** Whether an error concerns one credential: it is inactive, expired or gone. */
function isAboutOne(error: unknown): error is Error {
  if (error instanceof RefusedCallError) return true;
  return error instanceof CofferError && ['failed_precondition', 'not_found', 'data_loss'].includes(error.code);
}
