import { isUnfinished, type ImportRow, type RowState } from './storing/import-row.ts';
import type { ImportReport } from './run-import.ts';

const columns = ['STATE', 'NAME', 'PROVIDER', 'ORIGINAL ID', 'REMARK'] as const;

/** Whether everything of the source is in the vault, or could be. */
export function isComplete({ rows, faults, failure }: ImportReport): boolean {
  return faults.length === 0 && !failure && !rows.some(isUnfinished);
}

/** The report as a table for people. Names come from the source: what a terminal would interpret is replaced. */
export function formatReport(report: ImportReport): string {
  const lines = [columns, ...report.rows.map(cellsOf)].map((cells) => cells.map(printable));
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => (cells[index] ?? '').length)));
  const table = lines.map((cells) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${[...(report.rows.length > 0 ? table : []), summaryOf(report)].join('\n')}\n`;
}

/** The report as JSON, for programs; never with a secret. */
export function reportToJson(report: ImportReport) {
  const { source, workspace, isApplied, faults, notices, failure } = report;
  return {
    source,
    workspace_id: workspace.id,
    dry_run: !isApplied,
    credentials: report.rows.map((row) => ({
      original_id: row.entry.originalId,
      name: row.entry.name,
      provider: row.entry.provider,
      state: row.state,
      ...(row.credentialId !== undefined && { credential_id: row.credentialId }),
      ...(row.verification && { verification: row.verification }),
      ...(remarkOf(row) !== '' && { remark: remarkOf(row) }),
    })),
    counts: countsOf(report.rows),
    faults,
    notices,
    complete: isComplete(report),
    ...(failure && { error: { code: failure.code, message: failure.message } }),
  };
}

function cellsOf(row: ImportRow): readonly string[] {
  const state = row.verification ? `${row.state}, ${row.verification}` : row.state;
  return [state, row.entry.name, row.entry.provider, row.entry.originalId, remarkOf(row)];
}

function remarkOf({ reason, entry }: ImportRow): string {
  return [reason, entry.note].filter((text) => text !== undefined).join('; ');
}

function countsOf(rows: readonly ImportRow[]): Readonly<Partial<Record<RowState, number>>> {
  const counts: Partial<Record<RowState, number>> = {};
  for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function summaryOf({ rows, isApplied, workspace }: ImportReport): string {
  const counts = Object.entries(countsOf(rows)).map(([state, count]) => `${count} ${state}`);
  const text = counts.length === 0 ? 'The source has no credentials.' : `${counts.join(', ')}.`;
  const isPending = !isApplied && rows.some(({ state }) => state === 'opened');
  return isPending
    ? `${text} Nothing was stored: --apply stores what was opened in ${printable(workspace.name)}.`
    : text;
}

function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}
