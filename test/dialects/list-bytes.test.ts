import { Code, ConnectError, createClient, type Client as RpcClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Client } from 'pg';
import { CredentialService as NativeService } from '../../gen/coffer/v1/credential_service_pb.ts';
import { CredentialService as FishnetService } from '../../gen/fishnet/v1/credential_service_pb.ts';
import { CredentialService as FlowiseService } from '../../gen/flowise/v1/credential_service_pb.ts';
import { CredentialService as MieltoService } from '../../gen/mielto/v1/credential_service_pb.ts';
import { CredentialService as MiniflowService } from '../../gen/miniflow/v1/credential_service_pb.ts';
import { CredentialService as ScaleService } from '../../gen/scale/v5/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { restClient } from './call-rest.ts';
import { createCredential, nativeClient } from './coffer/native-client.ts';

/** What the clients of gRPC take unless they are given another limit. */
const readMaxBytes = 4 * 1024 * 1024;

describe('a list with more bytes than a message of gRPC may have', function () {
  this.timeout(60_000);
  let coffer: TestCoffer;
  let database: Client;

  before(async () => {
    coffer = await startCoffer();
    database = new Client(coffer.database.connection);
    await database.connect();
    await createCredential(nativeClient(coffer.origin, coffer.adminToken));
  });

  after(async () => {
    await database.end();
    await coffer.stop();
  });

  /** Makes so many credentials of the one that is there, each with these texts. */
  async function fill(
    count: number,
    texts: { name: string; description: string; metadata: object },
  ): Promise<string[]> {
    const { name, description, metadata } = texts;
    await database.query(
      `create temporary table sample as select * from credential limit 1;
       alter table sample drop column short_id;
       set session_replication_role = replica;
       delete from credential_version;
       delete from credential;
       set session_replication_role = origin`,
    );
    const { rows } = await database.query<{ id: string }>(
      `insert into credential (${columns})
       select ${columns.replace('created_at', `created_at + n * interval '1 second'`).replace(/\bid\b/, 'gen_random_uuid()')}
       from (select * from sample) s, generate_series(1, $1::int) as n
       returning id`,
      [count],
    );
    await database.query('update credential set name = $1, description = $2, metadata = $3', [
      name,
      description,
      JSON.stringify(metadata),
    ]);
    await database.query('drop table sample');
    return rows.map(({ id }) => id);
  }

  const columns =
    'workspace_id, id, name, exclusive_name, description, provider, auth_type, category, scope, tags, labels, metadata, ' +
    'is_active, expires_at, last_used_at, use_count, current_version, revision, origin, created_by, created_at, ' +
    'updated_at, deleted_at, mac';

  const clientOf = <Service extends Parameters<typeof createClient>[0]>(service: Service): RpcClient<Service> =>
    createClient(service, createGrpcTransport({ baseUrl: coffer.origin, readMaxBytes }));
  const options = () => ({ headers: { authorization: `Bearer ${coffer.adminToken}` } });

  describe('of 300 credentials with 15 KiB of metadata', () => {
    let ids: readonly string[];

    before(async () => {
      ids = await fill(300, { name: 'n', description: 'd', metadata: { text: 'x'.repeat(15 * 1024) } });
    });

    it('ends its page early over the native API, and goes on by the token', async () => {
      const sizes: number[] = [];
      const found: string[] = [];
      for (let pageToken = ''; sizes.length === 0 || pageToken !== '';) {
        const request = { workspaceId: 'default', pageSize: 1_000, pageToken };
        const { credentials, nextPageToken } = await clientOf(NativeService).listCredentials(request, options());
        sizes.push(credentials.length);
        found.push(...credentials.map(({ id }) => id));
        pageToken = nextPageToken;
      }
      expect(found.toSorted()).to.deep.equal(ids.toSorted());
      expect(sizes).to.have.length(2);
    });

    it('ends its page early in REST as well', async () => {
      const native = nativeClient(coffer.origin, coffer.adminToken);
      const { body } = await native({ path: '/v1/workspaces/default/credentials?page_size=1000' });
      expect(body.credentials.length).to.be.within(200, 299);
      expect(body.next_page_token).not.to.equal('');
    });

    for (const [direction, cursor] of [
      ['forwards', 'startingAfter'],
      ['backwards', 'endingBefore'],
    ] as const) {
      it(`ends its page early over Scale's, and goes on ${direction} behind a cursor`, async () => {
        const found: string[] = [];
        let pages = 0;
        const first = direction === 'forwards' ? [] : [ids.at(-1) ?? ''];
        for (let hasMore = true, last = first.at(0); hasMore; pages += 1) {
          const request = { limit: 1_000, ...(last !== undefined && { [cursor]: last }) };
          const page = await clientOf(ScaleService).listCredentials(request, options());
          const shown = page.items.map(({ id }) => id);
          found.push(...(direction === 'forwards' ? shown : shown.toReversed()));
          last = found.at(-1);
          ({ hasMore } = page);
        }
        const expected = direction === 'forwards' ? ids : ids.toReversed().slice(1);
        expect(found).to.deep.equal(expected);
        expect(pages).to.equal(2);
      });
    }
  });

  describe('of 4,500 credentials with the longest names and descriptions', () => {
    before(async () => {
      const [name, description] = ['𝄞'.repeat(255), '𝄞'.repeat(1_000)];
      await fill(4_500, { name, description, metadata: {} });
    });

    const whole: Readonly<Record<string, () => Promise<unknown>>> = {
      Flowise: () => clientOf(FlowiseService).listCredentials({}, options()),
      Fishnet: () => clientOf(FishnetService).listCredentials({}, options()),
      MiniFlow: () =>
        clientOf(MiniflowService).listCredentials({ workspaceId: coffer.defaultWorkspaceShortId }, options()),
      Mielto: () => clientOf(MieltoService).listCredentials({ limit: 1_000 }, options()),
    };

    for (const [dialect, list] of Object.entries(whole)) {
      it(`is refused over gRPC by ${dialect}, with the way to ask for less`, async () => {
        const refusal = await list().then(
          () => undefined,
          (error: unknown) => ConnectError.from(error),
        );
        expect(refusal?.code).to.equal(Code.ResourceExhausted);
        expect(refusal?.rawMessage).to.match(/larger than 3670016 bytes: ask for /);
      });
    }

    it("is answered by Mielto's with the limit that the refusal names", async () => {
      const refusal = await clientOf(MieltoService)
        .listCredentials({ skip: 7, limit: 1_000 }, options())
        .then(
          () => '',
          (error: unknown) => ConnectError.from(error).rawMessage,
        );
      const limit = Number(/limit of at most (\d+)$/.exec(refusal)?.[1]);
      const { credentials } = await clientOf(MieltoService).listCredentials({ skip: 7, limit }, options());
      expect(credentials).to.have.length(limit);
      expect(limit).to.be.greaterThan(500);
    });

    it("is answered in REST as large as Mielto's caller asks", async () => {
      const send = restClient(coffer.origin);
      const path = '/mielto/api/v1/credentials?limit=1000';
      const { status, text } = await send({ path, token: coffer.adminToken });
      expect(status).to.equal(200);
      expect(JSON.parse(text).credentials).to.have.length(1_000);
    });
  });
});
