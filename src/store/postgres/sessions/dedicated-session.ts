import type { Client, QueryResultRow } from 'pg';
import type { DatabaseConnection } from '../connect/database-connection.ts';
import { translateFailure } from '../connect/database-failure.ts';
import { endClient, SessionOpener } from '../connect/session-opener.ts';
import { SilentConnectionError } from '../connect/silence-watch.ts';

/** A statement as pg accepts it. */
export interface PlainStatement {
  readonly text: string;
  readonly values?: unknown[];
}

/**
 * One session outside the pool, for statements that must not wait for a connection of the pool. It is opened by the first
 * statement, and again after it was lost. It keeps the role of its login. Statements run one at a time.
 */
export class DedicatedSession implements AsyncDisposable {
  readonly #opener: SessionOpener;
  #client: Client | undefined;
  #opening: AbortController | undefined;
  #isClosed = false;

  constructor(connection: DatabaseConnection) {
    this.#opener = new SessionOpener(connection);
  }

  /**
   * Runs a statement, and opens the session first if there is none.
   *
   * @param withinMs the time limit for both, after which the session is closed
   * @returns the rows of the statement
   * @throws VaultError `unavailable`, or DatabaseFailure
   */
  async run(statement: PlainStatement, withinMs: number): Promise<readonly QueryResultRow[]> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new SilentConnectionError()), withinMs);
    try {
      return await Promise.race([this.#run(statement), late]);
    } catch (error) {
      this.#close();
      throw translateFailure(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes the next statement open a new session. */
  renew(): void {
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#opening?.abort(new Error('Connection terminated'));
    const client = this.#client;
    this.#client = undefined;
    if (client) await endClient(client);
  }

  async #run({ text, values }: PlainStatement): Promise<readonly QueryResultRow[]> {
    const client = this.#client ?? (await this.#open());
    return (await client.query<QueryResultRow>(text, values)).rows;
  }

  async #open(): Promise<Client> {
    if (this.#isClosed) throw new Error('Connection terminated');
    const opening = new AbortController();
    this.#opening = opening;
    const client = await this.#opener.open({ signal: opening.signal });
    this.#client = client;
    const forget = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    return client;
  }

  #close(): void {
    this.#opening?.abort(new Error('Connection terminated'));
    const client = this.#client;
    this.#client = undefined;
    if (client) void endClient(client);
  }
}
