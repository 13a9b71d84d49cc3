import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type AnyDefinition, type MessageTypeDefinition, type MethodDefinition } from '@grpc/proto-loader';
import { expect } from 'chai';
import { join, resolve } from 'node:path';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';

const root = resolve(import.meta.dirname, '../../..');

/** As a program in Node would: from the proto files alone. */
const definitions = loadSync(
  [
    ...['credential_service', 'secret_service', 'access_service'].map((name) => `coffer/v1/${name}.proto`),
    'google/rpc/status.proto',
    'google/rpc/error_details.proto',
    'buf/validate/validate.proto',
  ],
  {
    includeDirs: [join(root, 'proto'), join(root, 'node_modules/protobufjs')],
    keepCase: true,
    enums: String,
    longs: Number,
  },
);

function methodOf(service: string, method: string): MethodDefinition<object, object> {
  const definition = definitions[`coffer.v1.${service}`];
  if (!definition || 'format' in definition) throw new Error(`${service} is no service`);
  const found = Object.entries(definition).find(([name]) => name === method)?.[1];
  if (!found || 'format' in found) throw new Error(`${service} has no ${method}`);
  return found;
}

function decode(type: string, bytes: Buffer): object {
  const definition = definitions[type];
  if (!definition || !isMessageType(definition)) throw new Error(`${type} is no message`);
  return definition.deserialize(bytes);
}

function isMessageType(definition: AnyDefinition): definition is MessageTypeDefinition<object, object> {
  return 'format' in definition && definition.format === 'Protocol Buffer 3 DescriptorProto';
}

/** The details of a refusal, read with the proto files. */
function detailsOf({ metadata }: ServiceError): { readonly type: string; readonly detail: object }[] {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(bytes)) throw new Error('the refusal has no details');
  const { details }: { details?: { type_url: string; value: Buffer }[] } = decode('google.rpc.Status', bytes);
  return (details ?? []).map(({ type_url: url, value }) => {
    const type = url.slice(url.indexOf('/') + 1);
    return { type, detail: decode(type, value) };
  });
}

describe('coffer.v1 over gRPC, with grpc-js and the proto files', () => {
  let coffer: TestCoffer;
  let client: Client;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    client = new Client(new URL(coffer.origin).host, credentials.createInsecure());
  });
  after(async () => {
    client.close();
    await coffer.stop();
  });

  async function call(service: string, method: string, request: object, token = coffer.adminToken): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const { promise, resolve: answer, reject } = Promise.withResolvers<unknown>();
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, response) => {
      if (error) reject(error);
      else answer(response);
    });
    return promise;
  }

  it('stores, shows and reveals', async () => {
    const credential = { name: 'OpenAI', auth_type: 'api_key', tags: ['prod'] };
    const created = await call('CredentialService', 'CreateCredential', {
      workspace_id: 'default',
      credential,
      secret: structOf({ api_key: 'sk-1' }),
    });
    expect(created).to.have.nested.property('credential.name', 'OpenAI');
    expect(created).to.have.nested.property('credential.state', 'ACTIVE');
    const listed = await call('CredentialService', 'ListCredentials', { workspace_id: 'default' });
    expect(listed).to.have.nested.property('credentials[0].auth_type', 'api_key');
    const { id } = firstOf(listed);
    const revealed = await call('SecretService', 'RevealSecret', { workspace_id: 'default', credential_id: id });
    expect(revealed).to.have.nested.property('secret.fields.api_key.stringValue', 'sk-1');
    expect(revealed).to.have.property('version', 1);
  });

  it('describes the caller', async () => {
    const token = await coffer.issueKey({ role: 'RUNTIME' });
    expect(await call('AccessService', 'WhoAmI', {}, token)).to.have.nested.property('grants[0].role', 'RUNTIME');
  });

  const refusals = {
    'an absent credential': [{ credential_id: '018cc251-f400-7000-8000-00000000dead' }, 'NOT_FOUND'],
    'an absent workspace': [{ workspace_id: 'WSP-00000000DEADBEEF', credential_id: 'x' }, 'NOT_FOUND'],
    'no id': [{}, 'INVALID_ARGUMENT'],
  } as const;
  for (const [title, [request, name]] of Object.entries(refusals)) {
    it(`refuses ${title} with ${name}`, async () => {
      const refused = await refusal(call('SecretService', 'RevealSecret', { workspace_id: 'default', ...request }));
      expect(refused.code).to.equal(status[name]);
    });
  }

  it('refuses an unknown token, without repeating it', async () => {
    const token = `cof_${'u'.repeat(43)}`;
    const refused = await refusal(call('AccessService', 'WhoAmI', {}, token));
    expect(refused.code).to.equal(status.UNAUTHENTICATED);
    expect(JSON.stringify([refused.details, refused.metadata.toJSON()])).not.to.contain('uuuu');
  });

  it('describes in plain text what is wrong, and in details of the proto files', async () => {
    const refused = await refusal(call('CredentialService', 'CreateCredential', { workspace_id: 'default' }));
    expect(refused.details).to.match(/^credential .*; secret [^%]*$/);
    const [violations] = detailsOf(refused);
    expect(violations).to.have.property('type', 'buf.validate.Violations');
    expect(violations).to.have.nested.property('detail.violations[1].field.elements[0].field_name', 'secret');
    expect(violations).to.have.nested.property('detail.violations[1].rule_id', 'required');
    const absent = await refusal(
      call('SecretService', 'RevealSecret', { workspace_id: 'default', credential_id: 'x'.repeat(36) }),
    );
    expect(detailsOf(absent)).to.have.nested.property('[0].type', 'google.rpc.ErrorInfo');
    expect(detailsOf(absent)).to.have.nested.property('[0].detail.domain', 'coffer');
  });

  it('refuses a number that JSON cannot represent in a secret', async () => {
    const secret = { fields: { n: { numberValue: Number.NaN } } };
    const request = { workspace_id: 'default', credential: { name: 'n' }, secret };
    const refused = await refusal(call('CredentialService', 'CreateCredential', request));
    expect(refused.code).to.equal(status.INVALID_ARGUMENT);
  });
});

function firstOf(list: unknown): { readonly id: unknown } {
  const { credentials: found } = Object(list);
  return Object(Object(found)[0]);
}

async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isServiceError(error)) return error;
  throw new Error('the call was not refused by the server', { cause: error });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

/** A `google.protobuf.Struct` of texts, as proto-loader spells it. */
function structOf(texts: Readonly<Record<string, string>>): object {
  return { fields: Object.fromEntries(Object.entries(texts).map(([name, stringValue]) => [name, { stringValue }])) };
}
