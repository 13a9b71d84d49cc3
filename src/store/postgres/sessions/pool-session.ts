import { callbackify } from 'node:util';
import { Client, type ClientConfig, type Pool, type PoolClient } from 'pg';
import { endClient, type SessionOpener } from '../connect/session-opener.ts';
import { explainTls } from '../connect/tls-options.ts';

type Connected = (error: Error | null, client: Client) => void;

/**
 * The client class of a pool whose sessions connect to the server that the opener has found. The pool creates clients before the
 * server is known, so that host and encryption are set when they connect.
 */
export function poolSessionsOf(opener: SessionOpener): new (config: ClientConfig) => Client {
  return class PoolSession extends Client {
    override connect(): Promise<this>;
    override connect(callback: Connected): void;
    override connect(callback?: Connected): Promise<this> | void {
      if (!callback) return this.#connect();
      callbackify(() => this.#connect())(callback);
    }

    async #connect(): Promise<this> {
      this.on('error', () => opener.forget());
      try {
        const { host, port, ssl = false } = await opener.find();
        // Closing the pool does not wait for connections that are about to be opened.
        if (this.connection.stream.destroyed) throw new Error('Connection terminated');
        Object.assign(this, { host, port, ssl });
        Object.assign(this.connection, { ssl });
        await super.connect();
        await opener.requireFit(this);
        return this;
      } catch (error) {
        opener.forget();
        await endClient(this);
        throw explainTls(error, this);
      }
    }
  };
}

/** A user of the connection that notices the loss releases it within this time. Releasing twice would throw. */
const graceMs = 250;

/**
 * Releases connections of a pool that ended while they were in use. Kysely, which the ORM uses, does not release a connection that
 * is lost in a transaction: the pool would never get its slot back, and closing it would hang.
 *
 * @see https://github.com/kysely-org/kysely/issues/1990
 */
export function releaseEndedClients(pool: Pool): void {
  const acquired = new Set<PoolClient>();
  pool.on('acquire', (client) => acquired.add(client));
  pool.on('release', (_error, client) => acquired.delete(client));
  pool.on('connect', (client) => {
    client.once('end', () => {
      setTimeout(() => acquired.has(client) && client.release(true), graceMs);
    });
  });
}
