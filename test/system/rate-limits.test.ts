import { credentials, Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { JsonObject } from '../../src/vault/json.ts';
import { restClient, type RestReply } from '../dialects/call-rest.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

interface Row {
  readonly dialect: string;
  readonly path: string;
  /** Of the body, what does not change from call to call. */
  readonly body: JsonObject;
}

const fastApi = { detail: 'too many requests' };
const rows: readonly Row[] = [
  {
    dialect: 'coffer',
    path: '/v1/workspaces/default/credentials',
    body: { code: 'resource_exhausted', message: 'too many requests' },
  },
  {
    dialect: 'flowise',
    path: '/api/v1/credentials/',
    body: {
      statusCode: 429,
      success: false,
      message: 'Error: credentialsController.getAllCredentials - too many requests',
      stack: {},
    },
  },
  {
    dialect: 'fishnet',
    path: '/api/credentials',
    body: { error: 'too many requests', retry_after_seconds: 1 },
  },
  { dialect: 'mielto', path: '/api/v1/credentials', body: fastApi },
  { dialect: 'scale', path: '/v5/credentials', body: fastApi },
  {
    dialect: 'miniflow',
    path: '/frontend/workspaces/{workspace_id}/credentials',
    body: {
      status: 'error',
      code: 429,
      message: null,
      error_message: 'User rate limit exceeded',
      error_code: 'HTTP_429',
    },
  },
];

function bytes(buffer: Buffer): Buffer {
  return buffer;
}

describe('a Coffer that serves one call a second of a key, and fifty from an address', () => {
  let coffer: TestCoffer;
  let call: ReturnType<typeof restClient>;
  let nowMs = Date.UTC(2024, 0, 1);

  before(async () => {
    coffer = await startCoffer({
      now: () => new Date(nowMs),
      environment: { COFFER_RATE_LIMIT_PER_KEY: '1', COFFER_RATE_LIMIT_PER_ADDRESS: '50' },
    });
    call = restClient(coffer.origin);
  });

  beforeEach(() => {
    nowMs += 1_000;
  });

  after(() => coffer.stop());

  async function list(path: string, token: string): Promise<RestReply> {
    return call({ path: path.replace('{workspace_id}', coffer.defaultWorkspaceShortId), token });
  }

  it('counts a batch as its items', async () => {
    const token = await coffer.issueKey({ role: 'EDITOR' });
    const path = '/v1/workspaces/default/credentials';
    const items = Array.from({ length: 4 }, () => '018cc251-f400-7000-8000-00000000dead');
    const batches = [
      { verb: 'batchGet', body: { credential_ids: items } },
      { verb: 'batchReveal', body: { requests: items.map((id) => ({ credential_id: id })) } },
      { verb: 'batchCreate', body: { requests: items.map(() => ({})) } },
    ];
    for (const { verb, body } of batches) {
      expect((await call({ method: 'POST', path: `${path}:${verb}`, body, token })).status, verb).to.equal(200);
      nowMs += 3_000;
      expect((await list(path, token)).status, verb).to.equal(429);
      nowMs += 1_000;
      expect((await list(path, token)).status, verb).to.equal(200);
      nowMs += 1_000;
    }
  });

  for (const { dialect, path, body } of rows) {
    it(`answers the second one in ${dialect}'s way, until a second has passed`, async () => {
      const token = await coffer.issueKey({ role: 'VIEWER', dialect });
      expect((await list(path, token)).status).to.equal(200);
      const refused = await list(path, token);
      expect(refused.status).to.equal(429);
      expect(refused.headers.get('retry-after')).to.equal('1');
      expect(refused.body).to.deep.include(body);
      nowMs += 1_000;
      expect((await list(path, token)).status).to.equal(200);
    });
  }

  it('answers the second one over gRPC with RESOURCE_EXHAUSTED', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER' });
    const client = new Client(new URL(coffer.origin).host, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const whoAmI = () =>
      new Promise<ServiceError | null>((resolve) => {
        const path = '/coffer.v1.AccessService/WhoAmI';
        client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, (error) => resolve(error));
      });
    expect(await whoAmI()).to.equal(null);
    const refusal = await whoAmI();
    expect(refusal?.code).to.equal(status.RESOURCE_EXHAUSTED);
    const [details] = refusal?.metadata.get('grpc-status-details-bin') ?? [];
    expect(Buffer.from(details ?? '').toString('latin1')).to.include('google.rpc.RetryInfo');
    client.close();
  });

  it('counts one key apart from another', async () => {
    const first = await coffer.issueKey({ role: 'VIEWER' });
    nowMs += 1_000;
    const second = await coffer.issueKey({ role: 'VIEWER' });
    expect((await list('/v5/credentials', first)).status).to.equal(200);
    expect((await list('/v5/credentials', second)).status).to.equal(200);
  });

  it('refuses the address that tries fifty wrong tokens, before it asks whose the next one is', async () => {
    const guesses = Array.from({ length: 50 }, (_, index) =>
      list('/v5/credentials', `cof_${'x'.repeat(41)}${index + 10}`),
    );
    expect(new Set((await Promise.all(guesses)).map((reply) => reply.status))).to.deep.equal(new Set([401]));
    expect((await list('/v5/credentials', coffer.adminToken)).status).to.equal(429);
    nowMs += 1_000;
    expect((await list('/v5/credentials', coffer.adminToken)).status).to.equal(200);
  });
});
