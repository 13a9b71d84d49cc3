import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { VaultError } from '../../../src/vault/errors.ts';
import { callers, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

/** A gateway whose one key can be revoked, and which tells when a key was looked up. */
interface Revocable extends AsyncDisposable {
  readonly running: RunningGateway;
  readonly lookUps: number;
  revoke(): void;
  nextLookUp(): Promise<void>;
}

async function startRevocable(authenticationMaxAgeMs: number): Promise<Revocable> {
  const { editor } = callers();
  let isRevoked = false;
  let lookUps = 0;
  let next = Promise.withResolvers<void>();
  const running = await startGateway({
    authenticationMaxAgeMs,
    authenticate: async (headers) => {
      lookUps += 1;
      next.resolve();
      if (headers.get('authorization') === null) return undefined;
      if (isRevoked) throw new VaultError('token_invalid', 'Invalid token');
      return editor;
    },
  });
  return {
    running,
    get lookUps() {
      return lookUps;
    },
    revoke: () => (isRevoked = true),
    nextLookUp() {
      next = Promise.withResolvers();
      return next.promise;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** A request whose headers have been sent. */
interface Begun {
  /** Sends the body, and answers the HTTP status, or gRPC's. */
  end(): Promise<string>;
}

interface Way {
  readonly refused: string;
  readonly done: string;
  begin(running: RunningGateway, session: ClientHttp2Session): Promise<Begun>;
}

const authorization = 'Bearer editor';
const rest = { path: `/v1/shelves/${workspaceId}/books`, type: 'application/json', done: '201' };
const rpc = { path: '/example.v1.LibraryService/CreateBook', type: 'application/json', done: '200' };
const json = JSON.stringify({ shelf: workspaceId, title: 'T', text: 'x' });
const enveloped = `\0\0\0\0${String.fromCharCode(json.length)}${json}`;

function overHttp1({ path, type, done }: typeof rest): Way {
  return {
    refused: '401',
    done,
    async begin({ port }) {
      const raw = await openRaw(port);
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Type: ${type}`;
      raw.write(`${head}\r\nContent-Length: ${json.length}\r\nConnection: close\r\n\r\n`);
      return {
        async end() {
          raw.write(json);
          return (await raw.closed()).slice('HTTP/1.1 '.length).slice(0, 3);
        },
      };
    },
  };
}

function overHttp2({ path, type, done }: typeof rest, body = json, statusHeader = ':status', refused = '401'): Way {
  return {
    refused,
    done,
    async begin(_running, session) {
      const stream = session.request({ ':method': 'POST', ':path': path, authorization, 'content-type': type });
      const seen: Record<string, unknown> = {};
      const note = (headers: object): void => void Object.assign(seen, headers);
      stream.on('response', note).on('trailers', note).resume();
      return {
        async end() {
          stream.end(body, 'latin1');
          await once(stream, 'close');
          return String(seen[statusHeader]);
        },
      };
    },
  };
}

const grpc = { ...rpc, type: 'application/grpc+json', done: '0' };
const ways: Record<string, Way> = {
  'REST and HTTP/1.1': overHttp1(rest),
  'REST and HTTP/2': overHttp2(rest),
  'Connect and HTTP/1.1': overHttp1(rpc),
  'Connect and HTTP/2': overHttp2(rpc),
  gRPC: overHttp2(grpc, enveloped, 'grpc-status', '16'),
  'gRPC-Web': overHttp2({ ...grpc, type: 'application/grpc-web+json', done: '200' }, enveloped, ':status', '200'),
};

describe('a caller whose body is slow', () => {
  for (const [title, way] of Object.entries(ways)) {
    it(`is refused over ${title} when the key has ended meanwhile`, async () => {
      await using revocable = await startRevocable(0);
      const session = connect(revocable.running.origin);
      const proved = revocable.nextLookUp();
      const begun = await way.begin(revocable.running, session);
      await proved;
      revocable.revoke();
      expect(await begun.end()).to.equal(way.refused);
      expect(revocable.running.library.calls).to.deep.equal([]);
      session.destroy();
    });

    it(`is served over ${title} when the key still counts`, async () => {
      await using revocable = await startRevocable(0);
      const session = connect(revocable.running.origin);
      const begun = await way.begin(revocable.running, session);
      expect(await begun.end()).to.equal(way.done);
      expect(revocable.running.library.calls).to.have.length(1);
      expect(revocable.lookUps).to.equal(2);
      session.destroy();
    });
  }

  it('counts as unauthenticated for a public call', async () => {
    await using revocable = await startRevocable(0);
    const { origin } = revocable.running;
    const session = connect(origin);
    const proved = revocable.nextLookUp();
    const status = { path: '/example.v1.LibraryService/GetStatus', type: 'application/json', done: '200' };
    const begun = await overHttp2(status, '{}').begin(revocable.running, session);
    await proved;
    revocable.revoke();
    expect(await begun.end()).to.equal('200');
    expect(revocable.running.library.calls[0]?.call.caller).to.equal(undefined);
    session.destroy();
  });
});

describe('a caller whose body is quick', () => {
  for (const [title, way] of Object.entries(ways)) {
    it(`is looked up once over ${title}`, async () => {
      await using revocable = await startRevocable(600_000);
      const session = connect(revocable.running.origin);
      const begun = await way.begin(revocable.running, session);
      expect(await begun.end()).to.equal(way.done);
      expect(revocable.lookUps).to.equal(1);
      session.destroy();
    });
  }
});
