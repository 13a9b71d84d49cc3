import { expect } from 'chai';
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { formatShortId } from '../../src/vault/ids.ts';
import { limits } from '../../src/vault/limits.ts';
import { fillerOf } from '../bench/fill-database.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

/** A list without pages, as its dialect answers it. */
interface WholeList {
  readonly path: (coffer: TestCoffer) => string;
  readonly order: 'asc' | 'desc';
  /** What the answer holds around the list, with the list in its place. */
  readonly around: (list: unknown, facts: Facts) => unknown;
  readonly entry: (row: Row, coffer: TestCoffer) => object;
}

interface Facts {
  readonly coffer: TestCoffer;
  readonly count: number;
  readonly requestId: string;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

const seconds = (time: Date) => Math.floor(time.getTime() / 1_000);

const lists: Readonly<Record<string, WholeList>> = {
  Flowise: {
    path: () => '/flowise/api/v1/credentials/',
    order: 'asc',
    around: (list) => list,
    entry: ({ id, name, createdAt }, { defaultWorkspaceId }) => ({
      name,
      credentialName: 'openai',
      workspaceId: defaultWorkspaceId,
      id,
      createdDate: createdAt.toISOString(),
      updatedDate: createdAt.toISOString(),
    }),
  },
  "Flowise's of one provider": {
    path: () => '/flowise/api/v1/credentials/?credentialName=openAIApi',
    order: 'asc',
    around: (list) => list,
    entry: (row, coffer) => lists['Flowise']?.entry(row, coffer) ?? {},
  },
  Fishnet: {
    path: () => '/fishnet/api/credentials',
    order: 'desc',
    around: (list) => list,
    entry: ({ id, name, createdAt }) => ({
      id,
      service: 'openai',
      name,
      created_at: seconds(createdAt),
      last_used_at: null,
    }),
  },
  MiniFlow: {
    path: ({ defaultWorkspaceShortId }) => `/frontend/workspaces/${defaultWorkspaceShortId}/credentials`,
    order: 'asc',
    around: (credentials, { coffer, count, requestId }) => ({
      status: 'success',
      code: 200,
      message: null,
      traceId: requestId,
      timestamp: 'now',
      data: { workspace_id: coffer.defaultWorkspaceShortId, credentials, count },
    }),
    entry: ({ id, name }) => ({
      id: formatShortId('credential', id),
      name,
      credential_type: 'API_KEY',
      credential_provider: 'OPENAI',
      description: null,
      is_active: true,
      expires_at: null,
      last_used_at: null,
      tags: [],
    }),
  },
};

/** How a list is asked for. */
type Get = (
  origin: string,
  path: string,
  headers: Record<string, string>,
) => Promise<{ text: string; requestId: string }>;

const protocols: Readonly<Record<string, Get>> = {
  'HTTP/1.1': async (origin, path, headers) => {
    const response = await fetch(origin + path, { headers });
    return { text: await response.text(), requestId: response.headers.get('x-request-id') ?? '' };
  },
  'HTTP/2': async (origin, path, headers) => {
    const session = connectHttp2(origin);
    try {
      const stream = session.request({ ':path': path, ...headers });
      let requestId = '';
      stream.on('response', (received) => (requestId = String(received['x-request-id'])));
      let text = '';
      for await (const piece of stream.setEncoding('utf8')) text += String(piece);
      return { text, requestId };
    } finally {
      session.destroy();
    }
  },
};

describe('a list without pages of several chunks', () => {
  let coffer: TestCoffer;
  let database: Client;

  before(async () => {
    coffer = await startCoffer();
    database = new Client(coffer.database.connection);
    await database.connect();
    await coffer.native('POST', '/v1/workspaces/default/credentials', {
      credential: { name: 'first', provider: 'openai', auth_type: 'api_key' },
      secret: { api_key: 'k' },
    });
  });

  after(async () => {
    await database.end();
    await coffer.stop();
  });

  /** The rows in the order of creation; many have the same time, and then their ids decide. */
  async function rowsOf(order: 'asc' | 'desc'): Promise<readonly Row[]> {
    const { rows } = await database.query<Row>(
      `select id, name, created_at as "createdAt" from credential order by created_at ${order}, id ${order}`,
    );
    return rows;
  }

  // With the first, it is as many whole chunks as it can be; then one more begins.
  for (const count of [2 * limits.listChunk - 1, limits.listChunk + 2]) {
    describe(`with ${count} more credentials`, () => {
      before(() => fillerOf(coffer.database.connection, { credentials: count, workspaces: 1 })(1));

      for (const [title, { path, order, around, entry }] of Object.entries(lists)) {
        for (const [protocol, get] of Object.entries(protocols)) {
          it(`is every row once, in order, over ${protocol}: ${title}`, async () => {
            const headers = { authorization: `Bearer ${coffer.adminToken}` };
            const { text, requestId } = await get(coffer.origin, path(coffer), headers);
            const rows = await rowsOf(order);
            expect(rows.length).to.be.greaterThan(count);
            const facts = { coffer, count: rows.length, requestId };
            const shown = text.replace(/"timestamp":"[\dT:.-]+Z"/, '"timestamp":"now"');
            const expected = around(
              rows.map((row) => entry(row, coffer)),
              facts,
            );
            // A difference of so many entries is not printed.
            expect(JSON.parse(shown)).to.satisfy((list: unknown) => isSame(list, expected));
          });
        }
      }
    });
  }
});

describe('three lists without pages of a large workspace', () => {
  const path = '/flowise/api/v1/credentials/';
  let coffer: TestCoffer;
  let headers: Record<string, string>;

  before(async () => {
    coffer = await startCoffer();
    headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'first', credentialName: 'openai', plainDataObj: { apiKey: 'k' } });
    await fetch(coffer.origin + path, { method: 'POST', headers, body });
    await fillerOf(coffer.database.connection, { credentials: 20_000, workspaces: 1 })(1);
    await lengthenNames(coffer.database.connection);
  });

  after(() => coffer.stop());

  it('take far less memory than they are large', async () => {
    const session = connectHttp2(coffer.origin);
    const before = heapInUse();
    let most = 0;
    let bytes = 0;
    const readWhole = async (stream: ClientHttp2Stream) => {
      for await (const piece of stream) {
        const [already, length] = [bytes, Buffer.byteLength(piece)];
        bytes += length;
        if (Math.floor(bytes / lookEveryBytes) > Math.floor(already / lookEveryBytes))
          most = Math.max(most, heapInUse());
      }
    };
    try {
      await Promise.all([1, 2, 3].map(() => readWhole(session.request({ ':path': path, ...headers }))));
      expect(bytes).to.be.greaterThan(3 * 20_000 * 1_000);
      expect(most).to.be.greaterThan(0);
      expect(most - before).to.be.lessThan(bytes / 2);
    } finally {
      session.destroy();
    }
  });
});

const lookEveryBytes = 10_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

/** Of the heap, without garbage. */
function heapInUse(): number {
  if (typeof collectGarbage === 'function') collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A kilobyte each, in UTF-8. */
async function lengthenNames(connection: PostgresConnection): Promise<void> {
  const database = new Client(connection);
  await database.connect();
  try {
    await database.query(
      `set session_replication_role = replica; update credential set name = rpad(name, 255, '\u{1D11E}')`,
    );
  } finally {
    await database.end();
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
