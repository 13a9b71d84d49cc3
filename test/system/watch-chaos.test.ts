import { expect } from 'chai';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';
import { watchProtocols, type BeginWatch, type Watch } from '../support/watching.ts';

const credentials = '/v1/workspaces/default/credentials';
const writers = 4;
/** How many changes every watcher has to see between the kills of servers. */
const changesBetween = 40;

/** What a watcher has received. */
interface Seen {
  readonly eventId: string;
  readonly credentialId: string;
  readonly revision: number;
}

describe('watchers that are killed and resume, while writers never stop and a server is killed', function () {
  this.timeout(180_000);
  let steady: TestCoffer;
  let dataDir: string;
  let client: Client;
  let mortal: CofferProcess | undefined;
  /** The servers that are running. */
  let origins: string[];
  const stopping = new AbortController();

  before(async () => {
    steady = await startCoffer();
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-watch-'));
    client = new Client(steady.database.connection);
    await client.connect();
    await startMortal();
  });

  after(async () => {
    stopping.abort();
    await mortal?.stop();
    await client.end();
    await steady.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function startMortal(): Promise<void> {
    mortal = await startCofferProcess(dataDir, steady.environment);
    origins = [steady.origin, mortal.origin];
  }

  async function killMortal(): Promise<void> {
    await mortal?.kill();
    origins = [steady.origin];
  }

  /** Undefined where the server was killed, or refuses. */
  async function send(method: string, path: string, body?: object): Promise<string | undefined> {
    const origin = origins[randomInt(origins.length)] ?? steady.origin;
    const headers = { authorization: `Bearer ${steady.adminToken}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const response = await fetch(origin + path, init).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    return response?.ok === true ? text : undefined;
  }

  /** Creates a few credentials, and changes each at random servers, several writers the same one at a time. */
  async function write(ids: string[]): Promise<void> {
    while (!stopping.signal.aborted) {
      const id = ids[randomInt(ids.length + 1)];
      const path = `${credentials}/${id}`;
      if (id === undefined) {
        const created = await send('POST', credentials, { credential: { name: randomUUID() }, secret: { key: 'k' } });
        if (created !== undefined) ids.push(textOf(parseObject(created), 'credential', 'id'));
        continue;
      }
      const changes = [
        () => send('PATCH', path, { name: randomUUID() }),
        () => send('PATCH', path, { description: randomUUID() }),
        () => send('POST', `${path}:deactivate`, {}),
        () => send('POST', `${path}:activate`, {}),
        ...(ids.length > 5 ? [() => send('DELETE', path)] : []),
      ];
      await changes[randomInt(changes.length)]?.();
      if (ids.length > 8) ids.splice(0, 4);
    }
  }

  /** Receives changes, and is killed every now and then; it resumes at any server with its last token. */
  class Watcher {
    readonly seen: Seen[] = [];
    readonly #begin: BeginWatch;
    #token = '';
    #current: Watch | undefined;
    kills = 0;

    constructor(begin: BeginWatch) {
      this.#begin = begin;
    }

    async start(): Promise<void> {
      this.#connect();
      ({ resumeToken: this.#token } = (await this.#current?.next()) ?? expect.fail());
    }

    /** Receives until there are so many changes, or until a condition holds. */
    async receive(isEnough: () => boolean): Promise<void> {
      let left = randomInt(1, 40);
      while (!isEnough()) {
        try {
          const { event, resumeToken } = (await this.#current?.next()) ?? expect.fail();
          this.#token = resumeToken;
          if (event) this.seen.push({ eventId: event.id, ...event });
          left -= 1;
        } catch {
          // The server was killed.
          left = 0;
        }
        if (left > 0) continue;
        await this.#kill();
        left = randomInt(1, 40);
      }
    }

    async stop(): Promise<void> {
      await this.#current?.[Symbol.asyncDispose]();
    }

    async #kill(): Promise<void> {
      this.kills += 1;
      await this.stop();
      this.#connect();
    }

    #connect(): void {
      const origin = origins[randomInt(origins.length)] ?? steady.origin;
      this.#current = this.#begin({ origin, token: steady.adminToken, resumeToken: this.#token });
    }
  }

  /** All changes in the trail, each with the revision that it made. */
  async function recorded(): Promise<string[]> {
    const { rows } = await client.query<{ id: string }>(
      `select id from audit_event where outcome = 'OK' and resource_kind = 'credential' order by id`,
    );
    return rows.map(({ id }) => id);
  }

  it('see every change exactly once, and those of each credential in order, over gRPC and server-sent events', async () => {
    const watchers = [watchProtocols.gRPC, watchProtocols['server-sent events']].map((begin) => new Watcher(begin));
    await Promise.all(watchers.map((watcher) => watcher.start()));
    const ids: string[] = [];
    const writing = Array.from({ length: writers }, () => write(ids));
    const receive = async (count: number) =>
      Promise.all(watchers.map((watcher) => watcher.receive(() => watcher.seen.length >= count)));
    await receive(changesBetween);
    await killMortal();
    await receive(2 * changesBetween);
    await startMortal();
    await receive(3 * changesBetween);
    await killMortal();
    await receive(4 * changesBetween);
    stopping.abort();
    await Promise.all(writing);
    const all = await recorded();
    await Promise.all(
      watchers.map(async (watcher) => {
        await watcher.receive(() => watcher.seen.length >= all.length);
        await watcher.stop();
        expect(watcher.seen.map(({ eventId }) => eventId).toSorted()).to.deep.equal(all);
        expect(watcher.kills).to.be.greaterThan(1);
        for (const [id, ofCredential] of Map.groupBy(watcher.seen, ({ credentialId }) => credentialId)) {
          const revisions = ofCredential.map(({ revision }) => revision);
          expect(revisions, id).to.deep.equal(revisions.toSorted((one, other) => one - other));
        }
      }),
    );
  });
});
