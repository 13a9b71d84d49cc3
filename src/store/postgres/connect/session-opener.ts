import { Client, type ClientConfig } from 'pg';
import { clientConfigOf, type DatabaseConnection, serversOf } from './database-connection.ts';
import { NoServerError, sqlStateOf, UnfitServerError } from './database-failure.ts';
import type { DatabaseHost, DatabaseServers } from './database-servers.ts';
import { firstInTurn } from './first-in-turn.ts';
import { explainTls, refusesTls, tlsOptionsOf } from './tls-options.ts';

/** A host, and how sessions there are encrypted. */
export type Way = DatabaseHost & Pick<ClientConfig, 'ssl'>;

/** What a session may be opened with beyond what its connection says. */
export interface OpeningOptions {
  readonly config?: ClientConfig | undefined;
  /** Ends the opening, and the connection that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** A host that says nothing is not waited for any longer before the next one is tried as well. */
const patienceMs = 500;
/** Codes of a server that is there and takes no session now: 57P03 cannot_connect_now, 53300 too_many_connections. */
const notNow = new Set(['57P03', '53300']);
const wrongAuthentication = '28000';

/**
 * Opens sessions at the first host of a connection that takes them: hosts are tried in order, and standbys and servers that let
 * nobody write are passed over where writing is wanted. All sessions but those of the embedded PostgreSQL's keeper begin here.
 *
 * @see docs/postgresql.md
 */
export class SessionOpener {
  readonly #connection: DatabaseConnection;
  readonly #servers: DatabaseServers;
  #found: Way | undefined;
  #finding: Promise<Way> | undefined;

  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
    this.#servers = serversOf(connection);
  }

  /** Where is looked, such as `a:5432, b:5432`. */
  get place(): string {
    return this.#servers.hosts.map(nameOf).join(', ');
  }

  /**
   * @throws what the only host threw, or what is final, such as a wrong password; NoServerError where no host takes sessions;
   *   UnfitServerError, DatabaseTlsError
   */
  async open({ config, signal }: OpeningOptions = {}): Promise<Client> {
    const { hosts } = this.#servers;
    const tries = hosts.map((host) => (stop: AbortSignal) => this.#openAt(host, { config, signal: stop }));
    try {
      return await firstInTurn(tries, { patienceMs, isFinal, discard, signal });
    } catch (error) {
      throw error instanceof AggregateError && hosts.length > 1
        ? new NoServerError(hosts.map(nameOf), error.errors)
        : error;
    }
  }

  /** The way of the last session that was opened; where none is known any more, one is opened to find it. */
  async find(): Promise<Way> {
    if (this.#found) return this.#found;
    this.#finding ??= this.#findNow().finally(() => (this.#finding = undefined));
    return this.#finding;
  }

  /** Has the next session look for its host anew. */
  forget(): void {
    this.#found = undefined;
  }

  /** @throws UnfitServerError where this session is of no use */
  async requireFit(client: Client): Promise<void> {
    const { target } = this.#servers;
    if (target === 'any') return;
    const { rows } = await client.query<{ isStandby: boolean; isReadOnly: boolean }>(
      `select pg_is_in_recovery() as "isStandby", current_setting('transaction_read_only') = 'on' as "isReadOnly"`,
    );
    const { isReadOnly = false, isStandby = false } = rows[0] ?? {};
    if (isStandby) throw new UnfitServerError('is a standby');
    if (isReadOnly && target === 'read-write') throw new UnfitServerError('is read-only');
  }

  async #findNow(): Promise<Way> {
    const { hosts, target, tls } = this.#servers;
    const [only] = hosts;
    // There is nothing to choose.
    if (only && hosts.length === 1 && target === 'any' && waysOf(only, tls.order).length === 1) {
      return this.#wayTo(only, waysOf(only, tls.order)[0] === 'tls');
    }
    const client = await this.open();
    await endClient(client);
    if (!this.#found) throw new Error('Connection terminated');
    return this.#found;
  }

  /** Tries an encrypted and a plain session, as far as both are wanted. */
  async #openAt(host: DatabaseHost, options: OpeningOptions): Promise<Client> {
    const ways = waysOf(host, this.#servers.tls.order);
    let refused: unknown;
    for (const way of ways) {
      try {
        return await this.#openBy(await this.#wayTo(host, way === 'tls'), options);
      } catch (error) {
        refused = explainTls(error, host);
        if (!isOfEncryption(error)) break;
      }
    }
    throw refused;
  }

  async #openBy(way: Way, { config, signal }: OpeningOptions): Promise<Client> {
    const client = new Client({ ...clientConfigOf(this.#connection), ...config, ...way });
    client.on('error', () => undefined);
    const giveUp = () => void endClient(client);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      await client.connect();
      await this.requireFit(client);
      signal?.throwIfAborted();
      this.#found = way;
      return client;
    } catch (error) {
      await endClient(client);
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  async #wayTo({ host, port }: DatabaseHost, isEncrypted: boolean): Promise<Way> {
    return { host, port, ssl: isEncrypted ? await tlsOptionsOf(this.#servers.tls) : false };
  }
}

/** Nobody is between the two ends of a Unix socket. */
function waysOf({ host }: DatabaseHost, order: readonly ('tls' | 'plain')[]): readonly ('tls' | 'plain')[] {
  return host.startsWith('/') ? ['plain'] : order;
}

/** A server may take encrypted sessions alone, or plain ones alone: it says so by refusing the user. */
function isOfEncryption(error: unknown): boolean {
  return refusesTls(error) || (error instanceof Error && sqlStateOf(error) === wrongAuthentication);
}

/** As with libpq, a server that answers with a refusal is the one that was meant. */
function isFinal(error: unknown): boolean {
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  return sqlState !== undefined && !notNow.has(sqlState);
}

function discard(client: Client): void {
  void endClient(client);
}

function nameOf({ host, port }: DatabaseHost): string {
  return `${host}:${port}`;
}

const graceMs = 100;

/** Closes a connection at once, also one whose other end is gone without a word. */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([ended, late]);
  clearTimeout(timer);
  client.connection.stream.destroy();
}
