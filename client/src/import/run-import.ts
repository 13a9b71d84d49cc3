import { planImport } from './planning/plan.ts';
import { parseDatabasePlace } from './databases/open-database.ts';
import { isStorable } from './reading/json.ts';
import { ImportError, usageError } from './reading/import-error.ts';
import { isOpened, type SourceEntry } from './reading/source-entry.ts';
import type { Source, SourceInput } from './reading/source-input.ts';
import type { StoredRows } from './storing/import-row.ts';
import { storeEntries } from './storing/store-entries.ts';
import { verifyRows } from './storing/verify-rows.ts';
import { DialectCalls } from './vault/dialect-calls.ts';
import { findWorkspace, type TargetWorkspace, type VaultAccess } from './vault/vault-access.ts';
import { lookUp } from './vault/vault-lookups.ts';
import { writerFor } from './writers/index.ts';
import type { Writer, WriterContext } from './writers/writer.ts';

/** What an import is to do. */
export interface ImportRequest {
  readonly source: Source;
  readonly input: SourceInput;
  readonly access: VaultAccess;
  /** Whether what was opened is stored; else it is only planned. */
  readonly isApplied: boolean;
  /** Whether what the vault has is read back and compared. */
  readonly isVerified: boolean;
  /** Only entries of this workspace or project of the source. */
  readonly sourceWorkspace?: string;
  readonly onProgress: (done: number, total: number) => void;
}

/** What an import has done. */
export interface ImportReport extends StoredRows {
  readonly source: string;
  readonly workspace: TargetWorkspace;
  readonly isApplied: boolean;
  /** What is wrong with the source as a whole. */
  readonly faults: readonly string[];
  /** What the user should consider. */
  readonly notices: readonly string[];
}

/**
 * Reads a source, plans, and stores what was opened. Nothing is asked of the vault before the source could be read.
 *
 * @throws ImportError, or an error of the library
 */
export async function runImport(request: ImportRequest): Promise<ImportReport> {
  const { source, input, access, isApplied, isVerified } = request;
  const { entries: all, faults } = await source.read(input);
  const entries = selectEntries(all, request.sourceWorkspace).map(refuseUnstorable);
  const workspace = await findWorkspace(access);
  const context: WriterContext = { ...access, workspace, source: source.name, calls: new DialectCalls(access) };
  const writer = writerFor(source.name, context);
  refuseOtherWorkspace(source, writer, workspace);
  const scope = {
    coffer: access.coffer,
    workspaceId: workspace.id,
    source: source.name,
    keepsIds: writer.keepsIds,
  };
  const plan = planImport(entries, await lookUp(scope, entries.filter(isOpened)), writer);
  const options = { source: source.name, isVerified, onProgress: request.onProgress };
  const stored: StoredRows = isApplied ? await storeEntries(plan, context, { writer, options }) : { rows: plan };
  const result = isVerified && !stored.failure ? await verifyRows(stored.rows, context, writer) : stored;
  const notices = noticesOf(request, entries, workspace);
  return { source: source.name, workspace, isApplied, faults, notices, ...result };
}

/** The entries of one workspace of the source, where the user chose one. */
function selectEntries(entries: readonly SourceEntry[], chosen: string | undefined): readonly SourceEntry[] {
  if (chosen === undefined) return entries;
  const selected = entries.filter(({ originalWorkspace }) => originalWorkspace === chosen);
  if (selected.length > 0) return selected;
  throw new ImportError(`the source has no credentials of the workspace ${chosen}`, { isUsage: true });
}

/** One text that the vault refuses would otherwise fail the calls that look all entries up. */
function refuseUnstorable(entry: SourceEntry): SourceEntry {
  const { originalId, name, provider, secret } = entry;
  if (secret.state !== 'opened' || isStorable([originalId, name, provider, secret.fields])) return entry;
  return { ...entry, secret: { state: 'damaged', reason: 'it has characters that are no valid text' } };
}

function refuseOtherWorkspace({ name }: Source, writer: Writer, workspace: TargetWorkspace): void {
  if (workspace.isDefault || !writer.needsDefaultWorkspace) return;
  throw usageError(
    `the API of ${name} reaches only your default workspace, which ${workspace.name} is not: use an API key of ${workspace.name}`,
  );
}

function noticesOf(
  { input, sourceWorkspace }: ImportRequest,
  entries: readonly SourceEntry[],
  { name }: TargetWorkspace,
): readonly string[] {
  const notices: string[] = [];
  const place = input.database === undefined ? undefined : parseDatabasePlace(input.database);
  if (place?.kind === 'postgres' && place.hasPassword) {
    notices.push('the URL has a password, which other users of this machine can see: use PGPASSWORD or PGPASSFILE');
  }
  const origins = new Set(entries.flatMap(({ originalWorkspace }) => originalWorkspace ?? []));
  if (sourceWorkspace === undefined && origins.size > 1) {
    const list = [...origins].join(', ');
    notices.push(
      `the source has ${origins.size} workspaces (${list}), and all go to ${name}: --source-workspace takes one`,
    );
  }
  return notices;
}
