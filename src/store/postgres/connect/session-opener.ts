import { Client, type ClientConfig } from 'pg';
import { clientConfigOf, type DatabaseConnection, serversOf } from './database-connection.ts';
import { NoServerError, sqlStateOf, UnfitServerError } from './database-failure.ts';
import type { DatabaseHost, DatabaseServers } from './database-servers.ts';
import { raceStaggered } from './staggered-race.ts';
import { explainTls, refusesTls, tlsOptionsOf } from './tls-options.ts';

/** A host with its settings of TLS. */
export type Endpoint = DatabaseHost & Pick<ClientConfig, 'ssl'>;

/** Options of a session in addition to its connection. */
export interface OpeningOptions {
  readonly config?: ClientConfig | undefined;
  /** Aborts the attempt, and closes the connection that is being opened. */
  readonly signal?: AbortSignal | undefined;
}

/** The next host is tried as well if one has not answered within this time. */
const patienceMs = 500;
/** Codes of a reachable server without a free session: 57P03 cannot_connect_now, 53300 too_many_connections. */
const busyStates = new Set(['57P03', '53300']);
const wrongAuthentication = '28000';

/**
 * Opens sessions at the first suitable host of a connection. Hosts are tried in order; standbys and read-only servers are skipped
 * if the connection requires writes. All sessions except those of the embedded PostgreSQL's supervisor begin here.
 *
 * @see docs/postgresql.md
 */
export class SessionOpener {
  readonly #connection: DatabaseConnection;
  readonly #servers: DatabaseServers;
  #found: Endpoint | undefined;
  #finding: Promise<Endpoint> | undefined;

  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
    this.#servers = serversOf(connection);
  }

  /** The hosts, such as `a:5432, b:5432`. */
  get place(): string {
    return this.#servers.hosts.map(nameOf).join(', ');
  }

  /**
   * @throws NoServerError if none of several hosts can serve; otherwise the failure of the only host, or a final one such as a
   *   wrong password, UnfitServerError or DatabaseTlsError
   */
  async open({ config, signal }: OpeningOptions = {}): Promise<Client> {
    const { hosts } = this.#servers;
    const attempts = hosts.map((host) => (stop: AbortSignal) => this.#openAt(host, { config, signal: stop }));
    try {
      return await raceStaggered(attempts, { patienceMs, isFinal, discard, signal });
    } catch (error) {
      throw error instanceof AggregateError && hosts.length > 1
        ? new NoServerError(hosts.map(nameOf), error.errors)
        : error;
    }
  }

  /** The endpoint of the last session; if there is none, a session is opened to find one. */
  async find(): Promise<Endpoint> {
    if (this.#found) return this.#found;
    this.#finding ??= this.#findNow().finally(() => (this.#finding = undefined));
    return this.#finding;
  }

  /** Makes the next session search for a host again. */
  forget(): void {
    this.#found = undefined;
  }

  /** @throws UnfitServerError if the server of this session cannot serve */
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

  async #findNow(): Promise<Endpoint> {
    const { hosts, target, tls } = this.#servers;
    const [only] = hosts;
    // Only one endpoint is possible.
    if (only && hosts.length === 1 && target === 'any' && tlsOrderOf(only, tls.order).length === 1) {
      return this.#endpointOf(only, tlsOrderOf(only, tls.order)[0] === 'tls');
    }
    const client = await this.open();
    await endClient(client);
    if (!this.#found) throw new Error('Connection terminated');
    return this.#found;
  }

  /** Tries an encrypted and a plain session, in the order of the settings. */
  async #openAt(host: DatabaseHost, options: OpeningOptions): Promise<Client> {
    const order = tlsOrderOf(host, this.#servers.tls.order);
    let refused: unknown;
    for (const mode of order) {
      try {
        return await this.#openBy(await this.#endpointOf(host, mode === 'tls'), options);
      } catch (error) {
        refused = explainTls(error, host);
        if (!isOfEncryption(error)) break;
      }
    }
    throw refused;
  }

  async #openBy(endpoint: Endpoint, { config, signal }: OpeningOptions): Promise<Client> {
    const client = new Client({ ...clientConfigOf(this.#connection), ...config, ...endpoint });
    client.on('error', () => undefined);
    const close = () => void endClient(client);
    signal?.addEventListener('abort', close, { once: true });
    try {
      signal?.throwIfAborted();
      await client.connect();
      await this.requireFit(client);
      signal?.throwIfAborted();
      this.#found = endpoint;
      return client;
    } catch (error) {
      await endClient(client);
      throw error;
    } finally {
      signal?.removeEventListener('abort', close);
    }
  }

  async #endpointOf({ host, port }: DatabaseHost, isEncrypted: boolean): Promise<Endpoint> {
    return { host, port, ssl: isEncrypted ? await tlsOptionsOf(this.#servers.tls) : false };
  }
}

/** Sessions over a Unix socket are never encrypted. */
function tlsOrderOf({ host }: DatabaseHost, order: readonly ('tls' | 'plain')[]): readonly ('tls' | 'plain')[] {
  return host.startsWith('/') ? ['plain'] : order;
}

/** Whether the other mode may succeed. A server that requires or forbids encryption refuses the user. */
function isOfEncryption(error: unknown): boolean {
  return refusesTls(error) || (error instanceof Error && sqlStateOf(error) === wrongAuthentication);
}

/** As in libpq, a server that answers with a refusal ends the search. */
function isFinal(error: unknown): boolean {
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  return sqlState !== undefined && !busyStates.has(sqlState);
}

function discard(client: Client): void {
  void endClient(client);
}

function nameOf({ host, port }: DatabaseHost): string {
  return `${host}:${port}`;
}

const graceMs = 100;

/** Closes a connection at once, even if its other end no longer answers. */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([ended, late]);
  clearTimeout(timer);
  client.connection.stream.destroy();
}
