import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import type { TestDatabase } from './postgres.ts';

/** What becomes of the message that has its connection fall silent. */
export type LastMessage = 'passed on' | 'swallowed';

/**
 * A TCP proxy before the Unix socket of a PostgreSQL that can fall silent, as the way to a dead host does: it swallows what
 * either side sends, and passes on no end either.
 */
export class SilentProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: PostgresConnection;
  readonly #links = new Set<{ isSilent: boolean }>();
  readonly #sockets = new Set<Socket>();
  #isDead = false;
  #trigger: { readonly bytes: string; readonly last: LastMessage; readonly onSilence: () => void } | undefined;

  constructor(target: PostgresConnection) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  async listen(): Promise<TestDatabase> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    const { database, user } = this.#target;
    return {
      connection: { ...this.#target, host: '127.0.0.1', port: address.port },
      url: `postgresql://${encodeURIComponent(user)}@127.0.0.1:${address.port}/${database}`,
    };
  }

  /** How many connections there are that are not silent. */
  get living(): number {
    return [...this.#links].filter(({ isSilent }) => !isSilent).length;
  }

  /** Silences the connections that there are; new ones are served. */
  silence(): void {
    for (const link of this.#links) link.isSilent = true;
  }

  /** Silences these and all that are yet to come. */
  die(): void {
    this.#isDead = true;
    this.silence();
  }

  /** Silences all connections as soon as one of them sends something with these bytes. */
  silenceAt(bytes: string, last: LastMessage, onSilence: () => void = () => undefined): void {
    this.#trigger = { bytes, last, onSilence };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const { host, port } = this.#target;
    const server = createConnection(join(host, `.s.PGSQL.${port}`));
    const link = { isSilent: this.#isDead };
    this.#links.add(link);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    }
    server.on('data', (bytes) => link.isSilent || client.write(bytes));
    server.on('close', () => link.isSilent || client.destroy());
    client.on('close', () => {
      if (!link.isSilent) server.end();
      this.#links.delete(link);
    });
    client.on('data', (bytes) => {
      if (link.isSilent) return;
      const trigger = this.#trigger && bytes.includes(this.#trigger.bytes) ? this.#trigger : undefined;
      if (trigger?.last !== 'swallowed') server.write(bytes);
      if (!trigger) return;
      this.#trigger = undefined;
      this.silence();
      trigger.onSilence();
    });
  }
}
