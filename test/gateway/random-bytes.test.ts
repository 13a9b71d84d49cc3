import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { createDice, type Dice } from '../support/dice.ts';
import { http2Frame, http2Greeting, http2Request } from './http2-frames.ts';
import { startGateway, workspaceId, type RunningGateway } from './library.ts';
import { openRaw } from './raw-connection.ts';

const casesPerKind = 150;
/** How many connections are open at once. */
const batchSize = 15;

const paths = [
  '/v1/status',
  `/v1/shelves/${workspaceId}/books`,
  '/v1/books/name/a/b',
  '/v1/status?door=%2',
  '/example.v1.LibraryService/GetStatus?encoding=json&base64=1&message=e30',
  '/example.v1.LibraryService/CreateBook',
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/healthz',
  '/docs/',
  '*',
  '//',
  '/%',
  'http://a/v1/status',
];
const types = ['application/json', 'application/proto', 'application/grpc', 'application/grpc-web+json', 'text/x', '{'];
const methods = ['GET', 'POST', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE'];
const bodies = [
  '',
  '{}',
  '{"title":"T","text":"x"}',
  '{"title":',
  '\0\0\0\0\0',
  '\0\0\0\0\x02\x0a\0',
  '\x0a\x02\xff\xfe',
];

/** Changes, drops, doubles or adds a few bytes, or none. */
function spoil(dice: Dice, text: string): string {
  let spoilt = text;
  for (let times = dice.below(4); times > 0; times -= 1) {
    const at = dice.below(spoilt.length);
    const length = dice.below(12);
    const middle = dice.pick(['', dice.bytes(12), spoilt.slice(at, at + 2 * length)]);
    spoilt = spoilt.slice(0, at) + middle + spoilt.slice(at + length);
  }
  return spoilt;
}

const kinds: Record<string, (dice: Dice) => string> = {
  'nothing known': (dice) => dice.bytes(400),
  'requests of HTTP/1.1 that are spoilt': (dice) => {
    const body = dice.pick(bodies);
    const isChunked = dice.below(3) === 0;
    const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
    const lines = [
      `${dice.pick(methods)} ${dice.pick(paths)} HTTP/1.1`,
      'Host: localhost',
      'Authorization: Bearer editor',
      `Content-Type: ${dice.pick(types)}`,
      framing,
    ];
    const sent = isChunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
    return spoil(dice, `${lines.join('\r\n')}\r\n\r\n${sent}`).repeat(1 + dice.below(2));
  },
  'requests of HTTP/2 that are spoilt': (dice) =>
    http2Greeting + spoil(dice, oddRequest(dice, 1) + oddRequest(dice, 3)),
  'requests of HTTP/2 with odd fields': (dice) =>
    http2Greeting + Array.from({ length: 5 }, (_, index) => oddRequest(dice, 2 * index + 1)).join(''),
  'frames of HTTP/2 in no order': (dice) => {
    const frame = () =>
      dice.below(3) === 0
        ? oddRequest(dice, 1 + dice.below(6))
        : http2Frame(dice.below(11), dice.below(256), dice.below(5), dice.bytes(40));
    return http2Greeting + Array.from({ length: 1 + dice.below(6) }, frame).join('');
  },
};

function oddRequest(dice: Dice, stream: number): string {
  const fields = [
    [':method', dice.below(2) === 0 ? 'POST' : dice.pick([...methods, 'FOO', '__proto__'])],
    [':scheme', dice.pick(['http', 'https'])],
    [':path', dice.pick(paths)],
    [':authority', dice.pick(['localhost', 'localhost', 'localhost', '[::', 'a b', ''])],
    ['authorization', dice.pick(['Bearer editor', 'Bearer editor', 'Bearer viewer', 'Bearer', ''])],
    ['content-type', dice.pick(types)],
    ['content-length', dice.pick(['0', '2', '5', '-1', 'x'])],
    ['te', dice.pick(['trailers', 'gzip'])],
    ['grpc-timeout', dice.pick(['1S', '99999999H', 'x'])],
    ['connect-timeout-ms', dice.pick(['1000', '9999999999', ''])],
    ['grpc-encoding', dice.pick(['identity', 'gzip', 'br', 'x'])],
    ['__proto__', 'x'],
  ] as const;
  // Without most of the last ones in most requests, so that many are served.
  const kept = fields.filter((_, index) => (index < 6 ? dice.below(20) > 0 : dice.below(3) === 0));
  return http2Request(stream, kept, dice.below(4) === 0 ? undefined : dice.pick(bodies));
}

describe('random bytes', () => {
  const timeouts = {
    firstBytesMs: 50,
    headersMs: 50,
    requestMs: 100,
    keepAliveMs: 50,
    sessionIdleMs: 50,
    checkEveryMs: 10,
  };
  let running: RunningGateway;
  before(async () => (running = await startGateway({ timeouts })));
  after(() => running[Symbol.asyncDispose]());

  /** Sends them, and waits until the server closes the connection, or resets it at once. */
  async function send(text: string, isRude: boolean): Promise<string> {
    const raw = await openRaw(running.port);
    raw.write(text);
    if (isRude) raw.socket.resetAndDestroy();
    else raw.socket.end();
    return raw.closed();
  }

  for (const [index, [title, make]] of Object.entries(kinds).entries()) {
    it(`that are ${title} leave the server as it was`, async () => {
      const dice = createDice(index + 1);
      const said: unknown[] = [];
      const restore = listen(said);
      try {
        for (let done = 0; done < casesPerKind; done += batchSize) {
          const batch = Array.from({ length: batchSize }, () => send(make(dice), dice.below(8) === 0));
          for (const answer of await Promise.all(batch)) expect(answer).not.to.match(/^HTTP\/1\.1 500/m);
          expect((await fetch(`${running.origin}/v1/status`)).status).to.equal(200);
          expect(await statusOverHttp2(running.origin)).to.equal(200);
        }
      } finally {
        restore();
      }
      expect(said).to.deep.equal([]);
      expect(running.lines.filter(({ level }) => Number(level) >= 50)).to.deep.equal([]);
    });
  }

  it('reached rpcs and routes as well as errors', () => {
    const statuses = new Set(running.lines.map(({ status }) => status));
    expect([...statuses]).to.include.members([200, 400, 401, 404, 405, 415]);
    expect([...new Set(running.lines.map(({ protocol }) => protocol))]).to.include.members(['rest', 'connect', 'grpc']);
  });
});

async function statusOverHttp2(origin: string): Promise<number> {
  const session = connectHttp2(origin);
  const [headers] = await once(session.request({ ':path': '/v1/status' }), 'response');
  session.destroy();
  return Number(headers[':status']);
}

/** What is neither answered nor logged would be said here. */
function listen(said: unknown[]): () => void {
  const original = Reflect.get(console, 'error');
  Reflect.set(console, 'error', (...words: unknown[]) => said.push(words));
  const onWarning = (warning: Error): void => void said.push(warning.message);
  process.on('warning', onWarning);
  return () => {
    Reflect.set(console, 'error', original);
    process.off('warning', onWarning);
  };
}
