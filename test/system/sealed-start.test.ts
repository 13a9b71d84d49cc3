import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import type { DescMethod, DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { KeyService } from '../../gen/coffer/v1/key_service_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/health/v1/health_pb.ts';
import type { JsonValue } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { allGuardedRpcs, nameOfRpc } from '../support/bound-rpcs.ts';
import { refusalOf } from '../support/refusals.ts';
import { allRoutes, dialectOf, pathOf } from '../support/routes.ts';
import { reasonIn, sendTo, startSealed, type SealedCoffer } from '../support/sealed-coffer.ts';

/** How each dialect writes the refusal over REST. */
const shapes: Readonly<Record<string, (body: object) => void>> = {
  coffer: (body) => {
    expect(body).to.deep.include({ code: 'unavailable', message: 'the vault is sealed' });
    expect(Object(body).details[0].debug).to.deep.include({ reason: 'SEALED', domain: 'coffer' });
  },
  flowise: (body) => {
    expect(body).to.deep.include({ statusCode: 503, success: false, stack: {} });
    expect(Object(body).message).to.match(/the vault is sealed$/);
  },
  fishnet: (body) => expect(body).to.deep.equal({ error: 'the vault is sealed' }),
  mielto: (body) => expect(body).to.deep.equal({ detail: 'Service Unavailable: the vault is sealed' }),
  scale: (body) => expect(body).to.deep.equal({ detail: 'Service Unavailable: the vault is sealed' }),
  miniflow: (body) => {
    const error = { error_code: 'SEALED', error_message: 'Service unavailable: the vault is sealed' };
    expect(body).to.deep.include({ status: 'error', code: 503, message: null, ...error });
    expect(body).to.have.all.keys('status', 'code', 'message', 'traceId', 'timestamp', 'error_message', 'error_code');
  },
};

const protocols: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  'Connect with JSON': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect with protobuf': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
};

/** The only rpc that a sealed server answers. */
const unsealName = 'coffer.v1.KeyService.Unseal';

describe('a server that starts sealed', () => {
  let former: TestCoffer;
  let sealed: SealedCoffer;
  let tokens: readonly (string | undefined)[];

  before(async () => {
    former = await startCoffer();
    await former.stop();
    sealed = await startSealed(former, { environment: { COFFER_METRICS_TOKEN: 'a-token-of-the-metrics' } });
    tokens = [undefined, 'cof_unknown', former.adminToken];
  });

  after(() => sealed.stop());

  it('refuses every route of every dialect in its own shape, with and without a valid token', async () => {
    const routes = (await allRoutes()).filter(({ method }) => nameOfRpc(method) !== unsealName);
    expect(routes.length).to.be.greaterThan(80);
    for (const route of routes) {
      const path = pathOf(route, {});
      for (const token of tokens) {
        const body = route.hasBody ? {} : undefined;
        const answer = await sendTo(sealed.origin + path, { method: route.httpMethod, body, token });
        expect(answer.status, `${route.httpMethod} ${path}`).to.equal(503);
        shapes[dialectOf(route)]?.(answer.body);
      }
    }
  });

  for (const [protocol, connect] of Object.entries(protocols)) {
    it(`refuses every rpc and every stream over ${protocol} with the reason SEALED`, async () => {
      const transport = connect(sealed.origin);
      const methods = allGuardedRpcs().map(({ rpc }) => rpc.method);
      for (const method of methods.filter((one) => nameOfRpc(one) !== unsealName)) {
        const headers = { authorization: `Bearer ${former.adminToken}` };
        const refusal = await refusalOf(callOnce(transport, method, headers), ConnectError);
        expect(refusal.code, nameOfRpc(method)).to.equal(Code.Unavailable);
        expect(refusal.findDetails(ErrorInfoSchema)[0]?.reason, nameOfRpc(method)).to.equal('SEALED');
      }
    });
  }

  it('refuses the fixed answers of a dialect', async () => {
    for (const path of ['/api/v1/ping', '/flowise/api/v1/ping']) {
      const { body, status } = await sealed.send('GET', path);
      expect(status, path).to.equal(503);
      shapes['flowise']?.(body);
    }
  });

  it('answers /healthz, the documents and metrics, and is not ready', async () => {
    expect((await textAt(`${sealed.origin}/healthz`)).status).to.equal(200);
    const ready = await textAt(`${sealed.origin}/readyz`);
    expect(ready.status).to.equal(503);
    expect(ready.text).to.contain('the vault is sealed');
    for (const path of ['/docs', '/openapi.json', '/openapi/flowise.json']) {
      expect((await textAt(sealed.origin + path)).status, path).to.equal(200);
    }
    const metrics = await textAt(`${sealed.origin}/metrics`, { authorization: 'Bearer a-token-of-the-metrics' });
    expect(metrics.status).to.equal(200);
    expect(metrics.text)
      .to.match(/^coffer_sealed 1$/m)
      .and.to.match(/^coffer_ready 0$/m);
  });

  it('answers health and reflection of gRPC', async () => {
    const transport = createGrpcTransport({ baseUrl: sealed.origin });
    const health = createClient(Health, transport);
    for (const service of ['', 'coffer.v1.KeyService']) {
      expect((await health.check({ service })).status).to.equal(Status.NOT_SERVING);
    }
    const request = { messageRequest: { case: 'listServices', value: '' } } as const;
    const answers = createClient(ServerReflection, transport).serverReflectionInfo(only(request));
    const { value } = await answers[Symbol.asyncIterator]().next();
    expect(value?.messageResponse.case).to.equal('listServicesResponse');
  });

  it('refuses a wrong key over every protocol', async () => {
    for (const [protocol, connect] of Object.entries(protocols)) {
      const unsealing = createClient(KeyService, connect(sealed.origin)).unseal({ key: 'wrong' });
      expect((await refusalOf(unsealing, ConnectError)).code, protocol).to.equal(Code.InvalidArgument);
    }
  });

  it('refuses a key of another vault and what is no key, and stays sealed', async () => {
    const other = Buffer.alloc(32, 7).toString('base64');
    const wrong: readonly JsonValue[] = [{ key: other }, { key: 'short' }, {}, { key: other, password: 'a password' }];
    for (const given of wrong) {
      const answer = await sealed.send('POST', '/v1/keys:unseal', given);
      expect(answer.status, JSON.stringify(answer.body)).to.equal(400);
      expect(JSON.stringify(answer.body)).not.to.contain(other);
    }
    expect(reasonIn(await sealed.send('GET', '/v1/whoami', undefined, former.adminToken))).to.equal('SEALED');
  });

  it('serves once it has its key, over the same port, and looks at nothing then', async () => {
    const key = former.environment['COFFER_MASTER_KEY'] ?? '';
    const opened = await createClient(KeyService, createGrpcTransport({ baseUrl: sealed.origin })).unseal({ key });
    expect(opened.sealed).to.equal(false);
    expect((await sealed.send('GET', '/v1/whoami', undefined, former.adminToken)).status).to.equal(200);
    expect((await fetch(`${sealed.origin}/readyz`)).status).to.equal(200);
    for (const given of [{ key: 'anything' }, { password: 'anything' }, { share: 'anything' }, {}]) {
      expect((await sealed.unseal(given)).body).to.deep.include({ sealed: false });
    }
  });

  it('has the attempts in its trail', async () => {
    const { body } = await sealed.send('GET', '/v1/auditEvents?page_size=100', undefined, former.adminToken);
    const events: readonly object[] = Object(body).audit_events;
    const attempts = events.filter((event) => Object(event).action === 'keys.unseal');
    const outcomes = attempts.map((event) => `${Object(event).outcome} ${Object(event).purpose}`);
    expect(outcomes).to.include.members(['OK key', 'FAILED a wrong key', 'FAILED an invalid request']);
    for (const event of attempts) expect(Object(event).actor.kind).to.equal('anonymous');
  });
});

async function textAt(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, text: await response.text() };
}

async function callOnce(transport: Transport, method: DescMethod, headers: Record<string, string>): Promise<void> {
  if (isUnary(method)) {
    await transport.unary(method, undefined, undefined, headers, {});
    return;
  }
  if (!isStreaming(method)) throw new Error(`${method.name} takes a stream`);
  const { message } = await transport.stream(method, undefined, undefined, headers, only({}));
  await message[Symbol.asyncIterator]().next();
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function isStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === 'server_streaming';
}

async function* only<Message>(message: Message): AsyncGenerator<Message> {
  yield message;
}
