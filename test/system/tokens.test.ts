import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { Writable } from 'node:stream';
import { Client } from 'pg';
import { pino } from 'pino';
import { openRaw } from '../gateway/raw-connection.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { comesThrough, isHeaderValue, oddTokens, randomTokens, tokenMark } from '../support/odd-tokens.ts';

/** Headers by name, as often as they are sent. */
type Headers = readonly (readonly [name: string, value: string])[];

/** What came back; status 0 is an end without an answer. A gRPC status stands for the HTTP status that it is like. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What the server may do with headers that are none or too long: refuse them or the token, or break off. */
const refusals: readonly number[] = [0, 400, 401, 431];
const atOnce = 24;
const grpcStatuses: Readonly<Record<string, number>> = { '0': 200, '13': 500, '16': 401 };

const lists = [
  '/v1/workspaces/default/credentials',
  '/flowise/api/v1/credentials/',
  '/fishnet/api/credentials',
  '/mielto/api/v1/credentials',
  '/api/v1/credentials',
  '/scale/v5/credentials',
  '/miniflow/frontend/workspaces/WSP-0000000000000000/credentials',
];

describe('a token that authenticates no caller', () => {
  let coffer: TestCoffer;
  let real: string;
  let other: string;
  let session: ClientHttp2Session;
  let logged = '';
  let answered = '';

  before(async () => {
    const log = pino(
      { level: 'trace' },
      new Writable({ write: (chunk, _, done) => ((logged += String(chunk)), done()) }),
    );
    coffer = await startCoffer({ log });
    real = await coffer.issueKey({ role: 'ADMIN' });
    other = await coffer.issueKey({ role: 'ADMIN' });
    session = openSession();
  });

  after(async () => {
    session.destroy();
    await coffer.stop();
  });

  const ways: Readonly<Record<string, (headers: Headers) => Promise<Answer>>> = {
    'REST and HTTP/1.1': (headers) => overHttp1('/v1/whoami', headers),
    'REST and HTTP/2': (headers) => overHttp2({ ':path': '/v1/whoami' }, headers),
    'Connect and HTTP/1.1': (headers) => overHttp1('/coffer.v1.AccessService/WhoAmI', headers, '{}'),
    'Connect and HTTP/2': (headers) => overHttp2(connectCall, headers, '{}'),
    gRPC: (headers) => overHttp2(grpcCall, headers, '\0\0\0\0\0'),
    'gRPC-Web': (headers) =>
      overHttp1('/coffer.v1.AccessService/WhoAmI', headers, '\0\0\0\0\0', 'application/grpc-web'),
  };

  for (const [title, send] of Object.entries(ways)) {
    it(`is refused over ${title}, however odd it is and in whichever header`, async () => {
      const odd = Object.entries(oddTokens(real));
      await all(odd, async ([name, token]) => {
        for (const headers of placesOf(token)) await expectRefused(name, headers, send);
      });
      expect((await send([['authorization', `Bearer ${real}`]])).status).to.equal(200);
    });

    it(`is refused over ${title} beside a real one`, async () => {
      const isHttp2 = !title.endsWith('HTTP/1.1') && title !== 'gRPC-Web';
      const odd = Object.entries({ ...oddTokens(real), 'a real one': other });
      const seen = odd.filter(([, token]) => !isHttp2 || isHeaderValue(token));
      await all(seen, async ([name, token]) => {
        for (const headers of placesBeside(real, token)) {
          await expectRefused(name, headers, send);
        }
      });
    });

    it(`is refused over ${title} where it is none`, async () => {
      for (const value of ['', ' ', '\t', 'Bearer', 'Bearer ', 'bearer \t ', 'BEARER']) {
        await expectRefused(JSON.stringify(value), [['authorization', value]], send);
        await expectRefused(JSON.stringify(value), [...placesOf(value).flat().slice(0, 1), ['x-api-key', '']], send);
      }
      await expectRefused('no header', [], send);
    });
  }

  it('is refused among many headers', async () => {
    const odd: readonly Headers[] = [
      many('authorization', `Bearer ${tokenMark}`),
      many('authorization', `Bearer ${real}`),
      many('x-api-key', tokenMark),
      many('x-api-key', real),
      [['authorization', `Bearer ${real}`], ...many('x-api-key', tokenMark)],
      [['x-api-key', real], ...many('authorization', `Bearer ${tokenMark}`)],
      [...Array.from({ length: 1_500 }, (_, index) => [`h${index}`, ''] as const), ['x-api-key', tokenMark]],
    ];
    for (const headers of odd) {
      const { status } = await overHttp1('/v1/whoami', headers);
      expect(status, namesOf(headers.slice(0, 2))).to.be.oneOf([401, 431]);
    }
  });

  it('is refused whatever it is made of', async () => {
    await all(randomTokens(real, 40), async (token) => {
      for (const headers of placesOf(token)) {
        await expectRefused(JSON.stringify(token), headers, () => overHttp1('/v1/whoami', headers));
        await expectRefused(JSON.stringify(token), headers, () => overHttp2({ ':path': '/v1/whoami' }, headers));
      }
    });
  });

  for (const path of lists) {
    it(`is refused by ${path}`, async () => {
      await all(Object.entries(oddTokens(real)), async ([name, token]) => {
        for (const headers of placesOf(token)) await expectRefused(name, headers, () => overHttp1(path, headers));
      });
    });
  }

  it('is no obstacle where authentication is not needed, and authenticates no caller there', async () => {
    await all(Object.entries(oddTokens(real)), async ([name, token]) => {
      const { status, text } = await overHttp1('/api/auth/status', [['authorization', `Bearer ${token}`]]);
      expect(status, name).to.be.oneOf([200, 400, 431]);
      expect(text, name).not.to.contain('"authenticated":true');
    });
  });

  it('stands neither in the log, nor in an answer, nor in the trail, and nothing of it was an error', async () => {
    const client = new Client(coffer.database.connection);
    await client.connect();
    const { rows } = await client.query('select audit_event::text as line from audit_event');
    await client.end();
    const trail = JSON.stringify(rows);
    expect(rows).not.to.have.length(0);
    expect(logged.split('\n').length).to.be.greaterThan(1_000);
    for (const place of [logged, answered, trail]) {
      // A part of the real one is as bad, whole or in base64.
      for (const text of [tokenMark, real.slice(12, 24), Buffer.from(real).toString('base64').slice(16, 32)]) {
        expect(place.includes(text)).to.equal(false);
      }
    }
    const levels = Array.from(logged.matchAll(/"level":(\d+)/g), ([, level]) => Number(level));
    expect(Math.max(...levels)).to.be.lessThan(50);
  });

  async function expectRefused(
    title: string,
    headers: Headers,
    send: (headers: Headers) => Promise<Answer>,
  ): Promise<void> {
    const { status, text } = await send(headers);
    answered += text;
    const isJudged = headers.every(([, value]) => comesThrough(value));
    expect(status, `${title}: ${namesOf(headers)}`).to.be.oneOf(isJudged ? [401] : refusals);
  }

  async function overHttp1(path: string, headers: Headers, body = '', type = 'application/json'): Promise<Answer> {
    const raw = await openRaw(Number(new URL(coffer.origin).port));
    const lines = headers.map(([name, value]) => `${name}: ${bytesOf(value)}`);
    const method = body === '' ? 'GET' : 'POST';
    const head = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', `Content-Type: ${type}`];
    raw.write([...head, `Content-Length: ${body.length}`, ...lines, '', body].join('\r\n'));
    const text = await raw.closed();
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    const grpcStatus = /^grpc-status: *(\d+)/im.exec(text)?.[1];
    return { status: grpcStatus === undefined ? status : (grpcStatuses[grpcStatus] ?? 500), text };
  }

  function openSession(): ClientHttp2Session {
    // A session that fails fails its calls, which say so.
    return connect(coffer.origin).on('error', () => undefined);
  }

  async function overHttp2(call: OutgoingHttpHeaders, headers: Headers, body?: string): Promise<Answer> {
    // What is too long may end a session, and the other calls on it.
    const own = headers.every(([, value]) => comesThrough(value)) ? undefined : openSession();
    let [status, text, grpcStatus]: [number, string, string | undefined] = [0, '', undefined];
    try {
      const byName = Map.groupBy(headers, ([name]) => name);
      const sent = Array.from(byName, ([name, pairs]) => [name, pairs.map(([, value]) => bytesOf(value)).join(', ')]);
      const stream = (own ?? session).request(
        { ...Object.fromEntries(sent), ...call },
        { endStream: body === undefined },
      );
      const note = (received: object): void => {
        const fields = new Map<string, string | number>(Object.entries(received));
        status = Number(fields.get(':status') ?? status);
        grpcStatus = fields.get('grpc-status')?.toString() ?? grpcStatus;
      };
      stream
        .on('response', note)
        .on('trailers', note)
        .on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      if (body !== undefined) stream.end(body, 'latin1');
      await once(stream, 'close');
    } catch {
      // Node's client does not send what is no header's value; that is no answer, either.
    } finally {
      own?.destroy();
    }
    return { status: grpcStatus === undefined ? status : (grpcStatuses[grpcStatus] ?? 500), text };
  }
});

const connectCall = {
  ':method': 'POST',
  ':path': '/coffer.v1.AccessService/WhoAmI',
  'content-type': 'application/json',
};
const grpcCall = { ...connectCall, 'content-type': 'application/grpc', te: 'trailers' };

/** Every header that takes a token. */
function placesOf(token: string): readonly Headers[] {
  return [[['authorization', `Bearer ${token}`]], [['authorization', token]], [['x-api-key', token]]];
}

/** Both headers, the tokens of which differ. */
function placesBeside(real: string, token: string): readonly Headers[] {
  return [
    [
      ['authorization', `Bearer ${real}`],
      ['x-api-key', token],
    ],
    [
      ['x-api-key', real],
      ['authorization', `Bearer ${token}`],
    ],
  ];
}

/** A header that is sent a hundred times. */
function many(name: string, value: string): Headers {
  return Array.from({ length: 100 }, () => [name, value] as const);
}

function namesOf(headers: Headers): string {
  return headers.map(([name]) => name).join(' and ');
}

/** What a client sends that writes UTF-8, one character a byte. */
function bytesOf(value: string): string {
  return Buffer.from(value).toString('latin1');
}

/** Does something for each, a few at once. */
async function all<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
