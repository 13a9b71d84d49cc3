import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openDatabase, type Database } from '../../../src/store/postgres/database.ts';
import type { Stores } from '../../../src/store/stores/stores.ts';
import { addCredential, newCredential, openTestStores, setUpInstance, until, type TestStores } from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

/** What becomes of the next commit that a client sends: the client never gets the answer to it. */
type Fate = 'passed on' | 'dropped' | 'held back';

/** Stands between a client and the socket of PostgreSQL. */
class LossyProxy {
  readonly #server: Server;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #fate: Fate | undefined;
  #heldBack: (() => void) | undefined;

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, 'listening');
  }

  loseNextCommit(fate: Fate): void {
    this.#fate = fate;
  }

  get holdsCommit(): boolean {
    return this.#heldBack !== undefined;
  }

  /** Lets the commit that was held back reach the server. */
  passOn(): void {
    this.#heldBack?.();
    this.#heldBack = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const server = createConnection(this.#target);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    }
    server.on('data', (bytes) => client.destroyed || client.write(bytes));
    server.on('close', () => client.destroy());
    let isLost = false;
    client.on('close', () => isLost || server.end());
    client.on('data', (bytes) => {
      if (this.#fate === undefined || !bytes.includes('commit\0')) return server.write(bytes);
      const fate = this.#fate;
      this.#fate = undefined;
      isLost = fate !== 'dropped';
      if (fate === 'passed on') server.end(bytes);
      if (fate === 'held back') this.#heldBack = () => server.end(bytes);
      return client.destroy();
    });
  }
}

describe('a commit whose answer is lost', () => {
  let test: TestStores;
  let proxy: LossyProxy;
  let database: Database;
  let stores: Stores;
  let folder: string;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores(4);
    workspaceId = (await setUpInstance(test)).workspace.id;
    const { connection } = test.target;
    const name = `.s.PGSQL.${connection.port}`;
    folder = await mkdtemp(join(tmpdir(), 'coffer-proxy-'));
    proxy = new LossyProxy(join(connection.host, name));
    await proxy.listen(join(folder, name));
    database = await openDatabase({
      connection: { ...connection, host: folder },
      poolMax: 4,
      role: 'coffer_app',
      log: test.log,
    });
    stores = test.newStores(database);
  });

  beforeEach(async () => {
    await test.asSuperuser('truncate credential, credential_version');
    await create();
  });

  after(async () => {
    await database.close();
    await proxy.close();
    await rm(folder, { recursive: true });
    await test.close();
  });

  const create = () => addCredential({ ...test, stores }, newCredential(workspaceId));

  const stored = async () =>
    (await test.asSuperuser<{ id: string }>('select id from credential order by id')).map(({ id }) => id);

  /** One alone, and a group behind it, of which the fate strikes one. */
  async function loseGroup(fate: Fate): Promise<unknown[]> {
    const first = create();
    const group = [1, 2, 3].map(() => rejectionOf(create()));
    await first;
    proxy.loseNextCommit(fate);
    return Promise.all(group);
  }

  async function streamIsWhole(): Promise<void> {
    const [row] = await test.asSuperuser(
      `select count(*)::int as count, max(seq)::int as last from audit_event where stream = $1`,
      [stores.auditHead()?.stream],
    );
    expect(row).to.deep.equal({ count: stores.auditHead()?.sequence, last: stores.auditHead()?.sequence });
  }

  it('is reported as done where it was done', async () => {
    expect(await loseGroup('passed on')).to.deep.equal([undefined, undefined, undefined]);
    expect(await stored()).to.have.length(5);
    await create();
    await streamIsWhole();
  });

  it('is reported as not done where it was not', async () => {
    for (const refusal of await loseGroup('dropped')) expect(refusal).to.have.property('code', 'unavailable');
    expect(await stored()).to.have.length(2);
    await create();
    expect(await stored()).to.have.length(3);
    await streamIsWhole();
  });

  it('is reported as done where it is done later, by a session that survives', async () => {
    const ends = loseGroup('held back');
    await until(async () => (await stored()).length === 2 && proxy.holdsCommit);
    const isAsked = `select 1 from pg_locks where locktype = 'advisory' and not granted`;
    await until(async () => (await test.asSuperuser(isAsked)).length > 0);
    expect(await stored()).to.have.length(2);
    proxy.passOn();
    expect(await ends).to.deep.equal([undefined, undefined, undefined]);
    expect(await stored()).to.have.length(5);
    await create();
    await streamIsWhole();
  });
});
