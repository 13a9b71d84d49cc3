import { randomUUID } from 'node:crypto';
import type { Client, Notification } from 'pg';
import type { AccessChange, AccessChanges } from '../../vault/identity/ports.ts';
import { endClient, SessionOpener } from '../postgres/connect/session-opener.ts';
import type { Database, DatabaseOptions } from '../postgres/database.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { SilentConnectionError } from '../postgres/connect/silence-watch.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';

/** What a channel works with. */
export interface AccessChangeListenerParts {
  /** As the pool connects, and what it becomes. */
  readonly connection: DatabaseOptions['connection'];
  readonly role: DatabaseOptions['role'];
  /** Sends what must come back. */
  readonly database: Pick<Database, 'query'>;
  readonly log: StoreLog;
}

/** For how long a notice that came back proves that none is missing, in milliseconds after it was sent. */
export const currentForMs = 900;
const renewAfterMs = 200;
/** A connection that is silent for so long is closed. */
const silentForMsMax = 2_000;
/** For connecting and listening together. */
const listenWithinMs = 5_000;
const firstPauseMs = 100;
const pauseMsMax = 5_000;

/**
 * Receives notifications of changes to access over a dedicated connection, which does nothing but LISTEN.
 *
 * PostgreSQL delivers notices in the order of their commits. So when one comes back that this process has sent itself, over
 * another connection, every change has been heard of that was committed before it was sent. The channel is current for a
 * while after that: a link that is dead, a pooler that swallows notices, and a process that is too busy to read them all
 * end that by themselves. It is renewed only while somebody asks.
 *
 * @see docs/decisions/0015-cached-authentications.md
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
export class AccessChangeListener implements AccessChanges, AsyncDisposable {
  readonly #parts: AccessChangeListenerParts;
  readonly #opener: SessionOpener;
  readonly #subscribers = new Set<(change: AccessChange) => void>();
  #listener: Client | undefined;
  /** Ends the opening of the session that is about to become the listener. */
  #opening: AbortController | undefined;
  /** What was sent last and has not come back. */
  #sent: { readonly mark: string; readonly atMs: number } | undefined;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #currentUntilMs = Number.NEGATIVE_INFINITY;
  #pauseMs = firstPauseMs;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: AccessChangeListenerParts) {
    this.#parts = parts;
    this.#opener = new SessionOpener(parts.connection);
  }

  /** Whether there is a connection that listens. */
  get isListening(): boolean {
    return this.#listener !== undefined;
  }

  isCurrent(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#sentAtMs > renewAfterMs) this.#renew(nowMs);
    return nowMs < this.#currentUntilMs;
  }

  subscribe(notify: (change: AccessChange) => void): () => void {
    this.#subscribers.add(notify);
    return () => this.#subscribers.delete(notify);
  }

  /** Is not current until a notice has come back that is yet to be sent: for changes that this process has made. */
  doubt(): void {
    this.#currentUntilMs = Number.NEGATIVE_INFINITY;
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
    this.#sent = undefined;
  }

  /** Resolves after the first try to listen; where it fails, and whenever the connection is lost, others follow. */
  async start(): Promise<void> {
    this.#listener = undefined;
    const client = await this.#listen();
    if (client) await this.#use(client);
    else this.#tryLater();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    this.#opening?.abort(new SilentConnectionError());
    const listener = this.#listener;
    this.#listener = undefined;
    this.doubt();
    if (listener) await endClient(listener);
  }

  /** Answers nothing where it fails; the pool reports what is wrong with the database. */
  async #listen(): Promise<Client | undefined> {
    const opening = new AbortController();
    this.#opening = opening;
    const late = setTimeout(() => opening.abort(new SilentConnectionError()), listenWithinMs);
    try {
      const client = await this.#opener.open({ signal: opening.signal });
      opening.signal.addEventListener('abort', () => client.connection.stream.destroy(new SilentConnectionError()));
      return await this.#prepare(client);
    } catch {
      return undefined;
    } finally {
      clearTimeout(late);
      this.#opening = undefined;
    }
  }

  async #prepare(client: Client): Promise<Client> {
    client.on('error', () => this.#lose(client));
    client.on('end', () => this.#lose(client));
    client.on('notification', (notice) => this.#hear(client, notice));
    try {
      if (this.#parts.role !== null) await client.query(`set role ${this.#parts.role}`);
      await client.query(`listen ${notifyChannel}`);
      return client;
    } catch (error) {
      await endClient(client);
      throw error;
    }
  }

  async #use(client: Client): Promise<void> {
    if (this.#isStopped) return endClient(client);
    this.#listener = client;
    this.#pauseMs = firstPauseMs;
    this.doubt();
    // What happened before was not received.
    this.#notify({ kind: 'any' });
    this.isCurrent();
  }

  #hear(client: Client, { payload = '' }: Notification): void {
    if (client !== this.#listener) return;
    const notice = parseNotice(payload);
    if (notice.kind !== 'mark') return this.#notify(notice);
    if (notice.id !== this.#sent?.mark) return;
    this.#currentUntilMs = this.#sent.atMs + currentForMs;
    this.#sent = undefined;
  }

  #renew(nowMs: number): void {
    if (!this.#listener) return;
    if (this.#sent) {
      if (nowMs - this.#sent.atMs > silentForMsMax) this.#lose(this.#listener);
      return;
    }
    const mark = randomUUID();
    this.#sent = { mark, atMs: nowMs };
    this.#sentAtMs = nowMs;
    this.#parts.database.query(sendMark({ kind: 'mark', id: mark })).catch(() => {
      if (this.#sent?.mark === mark) this.#sent = undefined;
    });
  }

  #lose(client: Client): void {
    if (client !== this.#listener) return;
    this.#parts.log.warn({}, 'notices of changed grants are not heard: every call asks the database who is calling');
    this.#listener = undefined;
    this.doubt();
    this.#notify({ kind: 'any' });
    void endClient(client);
    this.#tryLater();
  }

  #tryLater(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.start(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMsMax);
  }

  #notify(change: AccessChange): void {
    for (const notify of this.#subscribers) notify(change);
  }
}

/** The NOTIFY channel of access changes. Every user that may connect to the database can listen on it. */
const notifyChannel = 'coffer_grants';

/** A change, or what a process has sent to itself. */
type Notice = AccessChange | { readonly kind: 'mark'; readonly id: string };

const kinds = ['api_key', 'session', 'user', 'workspace', 'keyring', 'seal', 'mark'] as const;

/** Reads a notice, such as `user:018cc251-f400-7000-8000-000000000001`; what is not known may mean anything. */
function parseNotice(payload: string): Notice {
  const [name, id] = payload.split(':');
  const kind = kinds.find((candidate) => candidate === name);
  return kind && id ? { kind, id } : { kind: 'any' };
}

/** Sends a mark to all processes. Triggers of the database send the notices of changes. */
function sendMark({ kind, id }: { readonly kind: 'mark'; readonly id: string }): Statement {
  return { name: 'send notice', text: 'select pg_notify($1, $2)', values: [notifyChannel, `${kind}:${id}`] };
}
