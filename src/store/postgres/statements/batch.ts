import type { Connection, Submittable } from 'pg';
import { columnReaderOf, type ColumnReader } from './column-readers.ts';
import { parameterOf, type Parameter } from './parameters.ts';
import type { Statement } from './statement.ts';

/** The answer to a statement. */
export interface Answer {
  /** The command tag, such as `COMMIT` or `UPDATE 1`. */
  readonly command: string;
  readonly rows: readonly object[];
}

interface Column {
  readonly name: string;
  readonly read: ColumnReader;
  /** The index of the part that it belongs to; -1 for the row itself. */
  readonly part: number;
}

/** A row, or a part of one, with null in all columns. */
type Empty = Readonly<Record<string, null>>;

/** The columns of a statement's rows. Columns named `user.id` and `user.name` become one object, `user`. */
interface RowShape {
  readonly columns: readonly Column[];
  readonly empty: Empty;
  readonly parts: readonly { readonly name: string; readonly empty: Empty }[];
}

interface PreparedStatement {
  readonly text: string;
  readonly shape: RowShape;
}

const withoutColumns: RowShape = { columns: [], empty: {}, parts: [] };

/** The prepared statements of each connection, by name. */
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
 * Statements in one round trip: the server runs them in order, skips those after one that fails, and answers once. Outside of a
 * transaction they form an implicit one, and each sees the changes of those before it. A statement with a name is parsed and
 * described once per connection.
 *
 * It replaces the query class of pg, which sends one statement per round trip and describes it each time. That pays for itself in
 * every call (`npm run bench -- --only rest`). pg calls the methods whose names begin with `handle`.
 *
 * @see docs/decisions/0018-pipelined-statements.md
 *
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class Batch implements Submittable {
  /** The answers, in the order of the statements. */
  readonly answers: Promise<readonly Answer[]>;
  readonly statements: readonly Statement[];
  readonly #parameters: readonly Parameter[][];
  readonly #prepared: PreparedStatements;
  #known = new Map<string, PreparedStatement>();
  readonly #answers: Answer[] = [];
  #rows: object[] = [];
  /** The shape of the current statement's rows; undefined before its description has arrived. */
  #shape: RowShape | undefined;
  #failure: unknown;
  #resolve: (answers: readonly Answer[]) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  /** @throws TypeError for a value that cannot be a parameter */
  constructor(statements: readonly Statement[], prepared: PreparedStatements) {
    this.statements = statements;
    this.#parameters = statements.map(({ values }) => values.map(parameterOf));
    this.#prepared = prepared;
    this.answers = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** @returns an error that pg passes to `handleError` because nothing was sent; null otherwise */
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
    this.#shape = shapeOf(message.fields);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    try {
      this.#rows.push(rowOf(this.#shape ?? withoutColumns, fields));
    } catch (error) {
      // An exception in this callback would end the process.
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
    // It may not have been parsed, and its plan may be the cause.
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
    // The server may have it from a first run that failed.
    if (name !== '') connection.close({ type: 'S', name }, true);
    connection.parse({ name, text, types: [] }, true);
  }
  connection.bind({ statement: name, values }, true);
  if (!isKnown) connection.describe({ type: 'P', name: '' }, true);
  connection.execute(null, true);
}

/** Rows are copies of one object, so that all have the same hidden class and never grow. */
function rowOf({ columns, empty, parts }: RowShape, fields: readonly (string | null)[]): object {
  const row: Record<string, unknown> = { ...empty };
  const filled = parts.length === 0 ? noParts : parts.map((part) => (row[part.name] = { ...part.empty }));
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    const text = fields[index];
    if (!column || typeof text !== 'string') continue;
    const target = column.part < 0 ? row : filled[column.part];
    if (target) target[column.name] = column.read(text);
  }
  return row;
}

const noParts: readonly Record<string, unknown>[] = [];

function shapeOf(fields: readonly { readonly name: string; readonly dataTypeID: number }[]): RowShape {
  const parts = [...new Set(fields.map(({ name }) => partOf(name)).filter((part) => part !== ''))];
  const columns = fields.map(({ name, dataTypeID }) => {
    const part = partOf(name);
    return {
      name: part === '' ? name : name.slice(part.length + 1),
      part: parts.indexOf(part),
      read: columnReaderOf(dataTypeID),
    };
  });
  const emptyOf = (index: number) =>
    Object.fromEntries(columns.filter(({ part }) => part === index).map(({ name }) => [name, null]));
  return { columns, empty: emptyOf(-1), parts: parts.map((name, index) => ({ name, empty: emptyOf(index) })) };
}

/** The part that a column belongs to by its name; empty for the row itself. */
function partOf(name: string): string {
  return name.slice(0, Math.max(name.indexOf('.'), 0));
}
