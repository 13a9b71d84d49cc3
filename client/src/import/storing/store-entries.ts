import {
  CofferError,
  ConflictError,
  FailedPreconditionError,
  InvalidArgumentError,
  RateLimitedError,
} from '../../errors/errors.ts';
import type { PlannedEntry } from '../planning/plan.ts';
import { importedFromLabel, isUuid, labelOfId, originalIdLabel } from '../planning/labels.ts';
import { isOpened, type OpenedEntry } from '../reading/source-entry.ts';
import { RefusedCallError } from '../vault/dialect-calls.ts';
import type { Writer, WriterContext } from '../writers/writer.ts';
import type { ImportRow, StoredRows } from './import-row.ts';
import { compareStored, verifyRow } from './verify-rows.ts';

/** How entries are stored. */
export interface StoreOptions {
  readonly source: string;
  readonly isVerified: boolean;
  /** Called after each entry. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Stores what a plan has opened, one after the other, so that the order of creation is that of the source. */
export async function storeEntries(
  plan: readonly PlannedEntry[],
  context: WriterContext,
  { writer, options }: { readonly writer: Writer; readonly options: StoreOptions },
): Promise<StoredRows> {
  const rows: ImportRow[] = [...plan];
  const opened = plan.flatMap(({ entry, state }, index) =>
    state === 'opened' && isOpened(entry) ? [{ entry, index }] : [],
  );
  for (const [done, { entry, index }] of opened.entries()) {
    const { row, failure } = await storeEntry(entry, context, { writer, options });
    rows[index] = row;
    if (failure) return { rows, failure };
    options.onProgress(done + 1, opened.length);
  }
  return { rows };
}

/** What became of one entry, and an error that concerns all of them. */
interface StoredEntry {
  readonly row: ImportRow;
  readonly failure?: CofferError;
}

interface Storing {
  readonly writer: Writer;
  readonly options: StoreOptions;
}

async function storeEntry(entry: OpenedEntry, context: WriterContext, storing: Storing): Promise<StoredEntry> {
  const labels = labelsOf(entry, { source: storing.options.source, keepsIds: storing.writer.keepsIds });
  try {
    const created = await storing.writer.create(entry, labels);
    const row: ImportRow = { entry, state: 'stored', credentialId: created.id };
    return await completeEntry(row, entry, { context, storing, labels: created.isLabelled ? undefined : labels });
  } catch (error) {
    if (isAboutEntry(error)) {
      return { row: { entry, state: isNameConflict(error) ? 'name taken' : 'failed', reason: error.message } };
    }
    if (error instanceof CofferError) return { row: { entry, state: 'opened' }, failure: error };
    throw error;
  }
}

/** What remains to be done, first what protects. A failure leaves the credential in the vault: the next import finds it by name and secret. */
async function completeEntry(
  row: ImportRow,
  entry: OpenedEntry,
  { context, storing, labels }: { context: WriterContext; storing: Storing; labels: Labels | undefined },
): Promise<StoredEntry> {
  try {
    const completed = entry.isInactive ? await deactivate(row, entry, context, storing) : row;
    if (labels) await setLabels(context, row.credentialId ?? '', labels);
    return { row: completed };
  } catch (error) {
    if (!(error instanceof CofferError)) throw error;
    const remains = entry.isInactive ? 'deactivated and labelled' : 'labelled';
    const unfinished: ImportRow = { ...row, reason: `it could not be ${remains}: ${error.message}` };
    return isAboutEntry(error) ? { row: unfinished } : { row: unfinished, failure: error };
  }
}

/** An inactive credential cannot be read: it is verified before it is deactivated. */
async function deactivate(
  row: ImportRow,
  entry: OpenedEntry,
  context: WriterContext,
  { writer, options }: Storing,
): Promise<ImportRow> {
  const verified = options.isVerified ? await verifyRow(row, entry, await compareStored(context, writer)) : row;
  await context.coffer.credentials.deactivateCredential({
    workspaceId: context.workspace.id,
    credentialId: row.credentialId ?? '',
  });
  return verified;
}

type Labels = Readonly<Record<string, string>>;

function labelsOf(
  { originalId }: OpenedEntry,
  { source, keepsIds }: { readonly source: string; readonly keepsIds: boolean },
): Labels {
  const isKept = keepsIds && isUuid(originalId);
  return { [importedFromLabel]: source, ...(!isKept && { [originalIdLabel]: labelOfId(originalId) }) };
}

async function setLabels({ coffer, workspace }: WriterContext, credentialId: string, labels: Labels): Promise<void> {
  await coffer.credentials.updateCredential({
    workspaceId: workspace.id,
    credentialId,
    credential: { labels: { ...labels } },
    updateMask: { paths: ['labels'] },
  });
}

function isNameConflict(error: unknown): boolean {
  return error instanceof RefusedCallError && error.code === 'RESOURCE_ALREADY_EXISTS';
}

/** Whether an error concerns what one entry contains, rather than all of them. */
function isAboutEntry(error: unknown): error is Error {
  if (error instanceof RateLimitedError) return error.retryAfterMs === undefined;
  return [RefusedCallError, InvalidArgumentError, ConflictError, FailedPreconditionError].some(
    (kind) => error instanceof kind,
  );
}
