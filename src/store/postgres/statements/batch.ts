import type { Connection, Submittable } from 'pg';
import { columnReaderOf, type ColumnReader } from './column-readers.ts';
import { parameterOf, type Parameter } from './parameters.ts';
import type { Statement } from './statement.ts';

/** What a statement answered. */
export interface Answer {
  /** What was done, such as `COMMIT`; with the number of rows for those that touch any. */
  readonly command: string;
  readonly rows: readonly object[];
}

interface Column {
  readonly name: string;
  readonly read: ColumnReader;
}

/** What the rows of a statement are made of. */
interface RowShape {
  readonly columns: readonly Column[];
  /** A row whose columns are all null. */
  readonly empty: Readonly<Record<string, null>>;
}

interface PreparedStatement {
  readonly text: string;
  readonly shape: RowShape;
}

const withoutColumns: RowShape = { columns: [], empty: {} };

/** What each connection has prepared, by the names of the statements. */
export class PreparedStatements {
  readonly #ofConnections = new WeakMap<Connection, Map<string, PreparedStatement>>();

  of(connection: Connection): Map<string, PreparedStatement> {
    const known = this.#ofConnections.get(connection);
    if (known) return known;
    const none = new Map<string, PreparedStatement>();
    this.#ofConnections.set(connection, none);
    return none;
  }
}

/**
 * Statements that travel together: the server runs one after the other, leaves out those behind one that fails, and answers
 * once. Outside of a transaction they are one; each sees what those before it did. A statement with a name is parsed and
 * described once a connection.
 *
 * pg knows it as one query of a class of its own, and calls the methods whose names begin with `handle`.
 *
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class Batch implements Submittable {
  /** The answers, in the order of the statements. */
  readonly answers: Promise<readonly Answer[]>;
  /** What it runs, in order. */
  readonly statements: readonly Statement[];
  readonly #parameters: readonly Parameter[][];
  readonly #prepared: PreparedStatements;
  #known = new Map<string, PreparedStatement>();
  readonly #answers: Answer[] = [];
  #rows: object[] = [];
  /** Of the statement whose answer is awaited; absent where it has not been described yet. */
  #shape: RowShape | undefined;
  #failure: unknown;
  #resolve: (answers: readonly Answer[]) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  /** @throws TypeError for a value that no parameter can have */
  constructor(statements: readonly Statement[], prepared: PreparedStatements) {
    this.statements = statements;
    this.#parameters = statements.map(({ values }) => values.map(parameterOf));
    this.#prepared = prepared;
    this.answers = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** @returns what pg is to call `handleError` with, nothing having been sent */
  submit(connection: Connection): Error | null {
    this.#known = this.#prepared.of(connection);
    const wrong = this.statements.find((statement) => this.#isOfAnotherText(statement));
    if (wrong) return new Error(`the statement "${wrong.name}" stands for two texts`);
    connection.stream.cork();
    for (const [index, statement] of this.statements.entries()) {
      send(connection, statement, this.#parameters[index] ?? [], this.#known);
    }
    connection.sync();
    connection.stream.uncork();
    this.#shape = this.#shapeOfNext();
    return null;
  }

  handleRowDescription(message: {
    readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  }): void {
    this.#shape = shapeOf(message.fields.map(({ name, dataTypeID }) => ({ name, read: columnReaderOf(dataTypeID) })));
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    try {
      this.#rows.push(rowOf(this.#shape ?? withoutColumns, fields));
    } catch (error) {
      // Thrown from here it would end the process.
      this.#failure ??= error;
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const statement = this.statements[this.#answers.length];
    if (statement && statement.name !== '') {
      this.#known.set(statement.name, { text: statement.text, shape: this.#shape ?? withoutColumns });
    }
    this.#answers.push({ command: text, rows: this.#rows });
    this.#rows = [];
    this.#shape = this.#shapeOfNext();
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.#resolve(this.#answers);
    else this.#reject(this.#failure);
  }

  handleError(error: unknown): void {
    // Whether it was parsed is not known, and its plan may be what was wrong.
    this.#known.delete(this.statements[this.#answers.length]?.name ?? '');
    this.#reject(error);
  }

  #isOfAnotherText({ name, text }: Statement): boolean {
    const known = this.#known.get(name);
    return known !== undefined && known.text !== text;
  }

  #shapeOfNext(): RowShape | undefined {
    return this.#known.get(this.statements[this.#answers.length]?.name ?? '')?.shape;
  }
}

function send(
  connection: Connection,
  { name, text }: Statement,
  values: Parameter[],
  known: ReadonlyMap<string, PreparedStatement>,
): void {
  const isKnown = known.has(name);
  if (!isKnown) {
    // It may be there from a time when its first run failed.
    if (name !== '') connection.close({ type: 'S', name }, true);
    connection.parse({ name, text, types: [] }, true);
  }
  connection.bind({ statement: name, values }, true);
  if (!isKnown) connection.describe({ type: 'P', name: '' }, true);
  connection.execute(null, true);
}

/** Rows of one statement are copies of one object, so that they have the same shape and are filled without growing. */
function rowOf({ columns, empty }: RowShape, fields: readonly (string | null)[]): object {
  const row: Record<string, unknown> = { ...empty };
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    const text = fields[index];
    if (column && typeof text === 'string') row[column.name] = column.read(text);
  }
  return row;
}

function shapeOf(columns: readonly Column[]): RowShape {
  return { columns, empty: Object.fromEntries(columns.map(({ name }) => [name, null])) };
}
