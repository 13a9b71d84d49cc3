import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { Client } from 'pg';
import { audience, newSigningKey, TestIssuer } from '../authentication/oidc/test-issuer.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import { MemoryTracing, type EndedSpan } from '../support/memory-tracing.ts';

const secretText = 'ghp_example_of_a_secret';

const isOfRequest = ({ kind }: EndedSpan) => kind === SpanKind.SERVER;

describe('a Coffer that is traced', () => {
  let spans: EndedSpan[] = [];
  const all: EndedSpan[] = [];
  let onEnd: (() => void) | undefined;
  const tracing = new MemoryTracing((span) => {
    spans.push(span);
    all.push(span);
    onEnd?.();
  });
  const finds = async (isFound: () => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onEnd = () => void (isFound() && resolve());
    onEnd();
    return promise;
  };
  /** The requests' own, once there are so many of them. */
  const requests = async (count: number): Promise<readonly EndedSpan[]> => {
    await finds(() => spans.filter(isOfRequest).length >= count);
    return spans.filter(isOfRequest);
  };
  const below = ({ context: { spanId } }: EndedSpan) => spans.filter(({ parent }) => parent?.spanId === spanId);
  const named = (name: string) => spans.filter((span) => span.name === name);

  let registered: Disposable;
  let issuer: TestIssuer;
  let coffer: TestCoffer;
  let credentialId: string;
  const received: (string | undefined)[] = [];
  const create = (name: string) => {
    const body = { credential: { name }, secret: { token: secretText } };
    return coffer.native('POST', '/v1/workspaces/default/credentials', body);
  };
  /** Until it is disposed of, nobody else reads or writes credentials. */
  const lockCredentials = async (): Promise<AsyncDisposable> => {
    const client = new Client(coffer.database.connection);
    await client.connect();
    await client.query('begin; lock table credential in access exclusive mode');
    let ended: Promise<void> | undefined;
    return { [Symbol.asyncDispose]: () => (ended ??= client.end()) };
  };
  const reveal = () => coffer.native('POST', `/v1/workspaces/default/credentials/${credentialId}:reveal`, {});

  before(async () => {
    registered = tracing.register();
    issuer = await TestIssuer.start();
    coffer = await startCoffer({
      environment: { COFFER_OIDC_ISSUER: issuer.url, COFFER_OIDC_AUDIENCE: audience },
    });
    credentialId = textOf(await create('GitHub'), 'credential', 'id');
    await requests(2);
  });
  after(async () => {
    await coffer.stop();
    await issuer[Symbol.asyncDispose]();
    registered[Symbol.dispose]();
  });
  beforeEach(() => {
    spans = [];
    received.length = 0;
  });

  it('records who is calling and what is committed below the request', async () => {
    await reveal();
    const [request] = await requests(1);
    if (!request) throw new Error('there is no span');
    const parts = below(request);
    expect(parts.map(({ name }) => name)).to.deep.equal(['authenticate', 'credentials.decide']);
    expect(parts.at(-1)?.attributes).to.deep.equal({ 'coffer.group.size': 1 });
    for (const { context } of spans) expect(context.traceId).to.equal(request.context.traceId);
  });

  it('contains how many calls share a commit or a query', async () => {
    const path = `/v1/workspaces/default/credentials/${credentialId}`;
    await using locked = await lockCredentials();
    const calls = Array.from({ length: 40 }, (_, index) => (index % 2 ? reveal() : coffer.native('GET', path)));
    // The first of each waits for the lock, and the others for the first.
    await finds(() => named('authenticate').length === 40);
    await locked[Symbol.asyncDispose]();
    await Promise.all(calls);
    await requests(40);
    for (const name of ['credentials.decide', 'credentials.findUsed']) {
      const sizes = named(name).map(({ attributes }) => Number(attributes['coffer.group.size']));
      expect(sizes, name).to.have.length(20);
      expect(Math.max(...sizes), name).to.be.greaterThan(1);
    }
    const parents = new Set(named('credentials.decide').map(({ parent }) => parent?.spanId));
    expect(parents.size).to.equal(20);
  });

  it('contains only the code of a refusal', async () => {
    const absent = '018cc251-f400-7000-8000-000000000009';
    const url = `${coffer.origin}/v1/workspaces/default/credentials/${absent}:reveal`;
    await fetch(url, { method: 'POST', headers: { authorization: 'Bearer cof_nobody' } });
    await requests(1);
    const [proof] = named('authenticate');
    expect(proof?.attributes).to.deep.equal({ 'error.type': 'token_invalid' });
    expect(proof?.status.code).to.equal(SpanStatusCode.UNSET);
  });

  it('passes the trace on to the issuer of tokens', async () => {
    issuer.use(await newSigningKey('second'));
    issuer.override = (request, response) => {
      received.push(String(request.headers['traceparent']));
      issuer.override = undefined;
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
    };
    const token = await issuer.sign({ coffer_workspace: coffer.defaultWorkspaceId, coffer_role: 'EDITOR' }, new Date());
    await fetch(`${coffer.origin}/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
    const [request] = await requests(1);
    const [asked, keys] = named('GET');
    expect(received).to.deep.equal([`00-${request?.context.traceId}-${asked?.context.spanId}-01`]);
    const { port } = new URL(issuer.url);
    for (const span of [asked, keys]) {
      expect(span?.kind).to.equal(SpanKind.CLIENT);
      expect(span?.attributes).to.deep.equal({
        'http.request.method': 'GET',
        'server.address': '127.0.0.1',
        'server.port': Number(port),
        'http.response.status_code': 200,
      });
    }
  });

  it('records no secret, no token, no name and no id', async () => {
    const id = textOf(await create('a name that nobody is to read'), 'credential', 'id');
    await reveal();
    await requests(2);
    const text = JSON.stringify(spans);
    expect(text).to.contain('credentials.decide');
    for (const hidden of [
      secretText,
      coffer.adminToken,
      'nobody is to read',
      id,
      credentialId,
      coffer.defaultWorkspaceId,
    ]) {
      expect(text).not.to.contain(hidden);
    }
  });

  it('records nothing but requests and their parts', () => {
    expect(all.length).to.be.greaterThan(100);
    for (const span of all) {
      const { name, parent } = span;
      expect(parent === undefined, name).to.equal(isOfRequest(span));
      expect(name).to.match(/^(?:(?:GET|POST) \/v1\/[\w/{}:]+|GET|authenticate|[a-zA-Z]+\.[a-zA-Z]+)$/);
    }
  });
});
