import { callbackify } from 'node:util';
import { Client, type ClientConfig } from 'pg';
import { endClient } from '../connect/end-client.ts';
import type { SessionOpener } from '../connect/session-opener.ts';
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
