import { fromJson, toJson, type DescMessage, type JsonObject } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { allBoundRpcs, nameOfRpc, type ServedRpc } from '../../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { mutationSamples, sampleSecret } from '../../support/mutation-samples.ts';

/** Reads and reveals, whose repetition is a second one, and the calls that authenticate. */
const without =
  /^(?:Get|List|BatchGet|BatchReveal|Reveal|Resolve|Compare|Verify|Log|ChangePassword|SetUp|IssueToken|Seal|Unseal)/;

const rpcs = allBoundRpcs();
const mutations = rpcs.filter(({ rpc }) => rpc.repetition !== undefined);
/** Its master key would have to be in a data directory: see `test/system/master-rotation.test.ts`. */
const repeated = mutations.filter(({ rpc }) => rpc.method.name !== 'RotateMasterKey');

const transports = {
  Connect: (baseUrl: string): Transport =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect in binary': (baseUrl: string): Transport =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
  gRPC: (baseUrl: string): Transport => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl: string): Transport => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
} as const;

describe('request ids of every rpc that changes something', () => {
  let coffer: TestCoffer;
  before(async () => (coffer = await startCoffer()));
  after(() => coffer.stop());

  it('are taken by each of them, and by no other rpc', () => {
    const taking = rpcs.filter(({ rpc: { method } }) => {
      const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
      return !isRead && !without.test(method.name);
    });
    expect(mutations.map(nameOf)).to.have.members(taking.map(nameOf));
    expect(Object.keys(mutationSamples)).to.have.members(repeated.map(nameOf));
  });

  it('are a field of every native request, and of no other', () => {
    const withField = rpcs.filter(({ rpc }) => rpc.method.input.fields.some(({ name }) => name === 'request_id'));
    const native = mutations.filter(({ dialect }) => dialect.name === 'coffer');
    expect(withField.map(nameOf)).to.have.members(native.map(nameOf));
  });

  for (const served of repeated) {
    const { method } = served.rpc;
    const name = nameOf(served);

    it(`give a repetition over any protocol the first answer: ${name}`, async () => {
      const sample = await mutationSamples[name]?.(coffer);
      if (!sample) throw new Error(`there is no sample of ${name}`);
      const id = randomUUID();
      const first = await send(served, sample, { 'idempotency-key': id }, 'gRPC');
      expect(first.isReplayed, 'the first').to.equal(false);
      const events = await countEvents(coffer);
      for (const protocol of Object.keys(transports)) {
        const again = await send(served, shuffled(sample), { 'idempotency-key': `"${id}"` }, protocol);
        expect(again.isReplayed, protocol).to.equal(true);
        expect(again.json, protocol).to.deep.equal(withoutSecrets(method.output, first.json));
      }
      if (method.input.fields.some((field) => field.name === 'request_id')) {
        const again = await send(served, { ...sample, request_id: id.toUpperCase() }, {}, 'Connect');
        expect(again.isReplayed, 'by the field').to.equal(true);
      }
      expect(await countEvents(coffer), 'events').to.equal(events);
    });
  }

  it('leave no secret in what is kept', async () => {
    const client = new Client(coffer.database.connection);
    await client.connect();
    const { rows } = await client.query<{ answer: Buffer }>('select answer from idempotency');
    await client.end();
    expect(rows).to.have.length(repeated.length);
    const texts = rows.map(({ answer }) => answer.toString('latin1'));
    expect(texts.filter((text) => text.includes(sampleSecret) || /cof_[\w-]{40}/.test(text))).to.deep.equal([]);
  });

  async function send(
    { rpc: { method } }: ServedRpc,
    sample: JsonObject,
    headers: Readonly<Record<string, string>>,
    protocol: string,
  ): Promise<{ readonly json: JsonObject; readonly isReplayed: boolean }> {
    const transport = Object.entries(transports).find(([name]) => name === protocol)?.[1](coffer.origin);
    if (!transport) throw new Error(`there is no ${protocol}`);
    const request = fromJson(method.input, sample);
    const all = { authorization: `Bearer ${coffer.adminToken}`, ...headers };
    const { header, message } = await transport.unary(method, undefined, undefined, all, request);
    return { json: Object(toJson(method.output, message)), isReplayed: header.get('idempotent-replayed') === 'true' };
  }
});

function nameOf({ rpc }: ServedRpc): string {
  return nameOfRpc(rpc.method);
}

/** The same members in another order. */
function shuffled(message: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(message).toReversed());
}

/** An answer without what is marked as secret. */
function withoutSecrets(message: DescMessage, answer: JsonObject): JsonObject {
  const secret = new Set(
    message.fields.filter(({ proto }) => proto.options?.debugRedact).map((field) => field.jsonName),
  );
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !secret.has(name)));
}

async function countEvents(coffer: TestCoffer): Promise<number> {
  const own = await coffer.native('GET', '/v1/workspaces/default/auditEvents?page_size=1000');
  const ofInstance = await coffer.native('GET', '/v1/auditEvents?page_size=1000');
  return [own, ofInstance].reduce((count, { audit_events: events }) => count + Object(events).length, 0);
}
