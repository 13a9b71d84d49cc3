import { callbackify } from 'node:util';
import { Client, type ClientConfig, type Pool, type PoolClient } from 'pg';
import { endClient, type SessionOpener } from '../connect/session-opener.ts';
import { explainTls } from '../connect/tls-options.ts';

type Connected = (error: Error | null, client: Client) => void;

/**
 * The class of a pool's sessions, which go where the opener has found a server. The pool makes them before that is known, and
 * pg takes host and encryption when it connects.
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
        // Whoever closes all connections does not wait for those that are about to be opened.
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

/** A holder that notices the loss by itself releases within this time; releasing twice would throw in its face. */
const graceMs = 250;

/**
 * Gives back the pool's slots of connections that ended while they were lent out. Kysely, on which the ORM runs, does
 * not release a connection that is lost inside a transaction: the slot would be gone for ever, and closing would hang.
 *
 * @see https://github.com/kysely-org/kysely/issues/1990
 */
export function releaseEndedClients(pool: Pool): void {
  const lent = new Set<PoolClient>();
  pool.on('acquire', (client) => lent.add(client));
  pool.on('release', (_error, client) => lent.delete(client));
  pool.on('connect', (client) => {
    client.once('end', () => {
      setTimeout(() => lent.has(client) && client.release(true), graceMs);
    });
  });
}
