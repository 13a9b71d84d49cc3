import { printable } from './terminal-text.ts';

/** What sets off the headings. */
interface Emphasis {
  readonly bold: (text: string) => string;
}

/** A column: its heading, and the text of a row in it. */
export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string;
}

/** Rows below each other in aligned columns, with a line of headings; empty without rows. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], emphasis: Emphasis): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row))));
  const table = alignColumns([columns.map(({ heading }) => heading), ...cells]);
  return table.replace(/^.*/, (headings) => emphasis.bold(headings));
}

/** Names and values below each other, aligned; a value of `undefined` or `''` is left out. */
export function formatFields(fields: Readonly<Record<string, string | undefined>>): string {
  const present = Object.entries(fields).flatMap(([name, value]) => (value ? [[name, printable(value)]] : []));
  return alignColumns(present);
}

function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[column] ?? '')), 0),
  );
  const pad = (cell: string, column: number) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell));
  return lines.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('');
}

/** In code points, which is exact for most scripts. */
function widthOf(text: string): number {
  return Array.from(text).length;
}
