import { fromJsonString, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { CreateCredentialRequestSchema } from '../../gen/coffer/v1/credential_service_pb.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { allRoutes, allServices, type DocumentedRoute } from '../support/routes.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

const routesWithBody = (await allRoutes()).filter(({ hasBody }) => hasBody);
const rpcs = (await allServices()).flatMap(({ methods }) => methods);

const absentId = '018cc251-f400-7abc-8def-0123456789ab';

type Dialect = 'coffer' | 'flowise' | 'fishnet' | 'mielto' | 'scale' | 'miniflow';

const dialects: Readonly<Record<string, Dialect>> = {
  flowise: 'flowise',
  fishnet: 'fishnet',
  mielto: 'mielto',
  scale: 'scale',
  miniflow: 'miniflow',
};

/** Where each dialect names what is wrong with a body whose JSON is not all that was sent. */
const refusals: Readonly<Record<Dialect, (reply: RestReply) => unknown>> = {
  coffer: ({ status, text }) => ({ status, code: textOf(parseObject(text), 'code'), text: messageOf(text, 'message') }),
  flowise: ({ status, text }) => ({ status, text: messageOf(text, 'message') }),
  fishnet: ({ status, text }) => ({ status, text: messageOf(text, 'error') }),
  mielto: fastApiRefusal,
  scale: fastApiRefusal,
  miniflow: ({ status, text }) => ({
    status,
    code: textOf(parseObject(text), 'error_code'),
    text: messageOf(text, 'error_message'),
  }),
};

const expectedRefusals: Readonly<Record<Dialect, object>> = {
  coffer: { status: 400, code: 'invalid_argument' },
  flowise: { status: 400 },
  fishnet: { status: 400 },
  mielto: { status: 422, code: 'json_invalid' },
  scale: { status: 422, code: 'json_invalid' },
  miniflow: { status: 422, code: 'VALIDATION_ERROR' },
};

/** Without what stands before the sentence. */
function messageOf(text: string, member: string): string {
  return textOf(parseObject(text), member).replace(
    /^Error: credentialsController\.\w+ - |^Request validation failed: /,
    '',
  );
}

function fastApiRefusal({ status, body }: RestReply): unknown {
  expect(body).to.have.nested.property('detail[0].loc[0]', 'body');
  expect(body).to.have.nested.property('detail[0].loc[1]').that.is.a('number');
  expect(body).to.have.nested.property('detail.length', 1);
  const detail = parseObject(JSON.stringify(body))['detail'];
  const entry: JsonObject = parseObject(JSON.stringify(Array.isArray(detail) ? detail[0] : detail));
  return { status, code: textOf(entry, 'type'), text: textOf(entry, 'ctx', 'error') };
}

/** A member that holds a JSON object, with a request around it. */
interface Place {
  readonly dialect: Dialect;
  readonly member: string;
  readonly method?: string;
  readonly path: string;
  readonly rpc: string;
  /** Of the request in Connect's JSON, beside those of the body. */
  readonly names?: JsonObject;
  readonly around: (object: string) => string;
}

const nativePath = '/v1/workspaces/default/credentials';
const rpcOfCreate = 'coffer.v1.CredentialService/CreateCredential';
const nativeNames = { workspace_id: 'default' };

const places: readonly Place[] = [
  {
    dialect: 'coffer',
    member: 'secret',
    path: nativePath,
    rpc: rpcOfCreate,
    names: nativeNames,
    around: (object) => `{"credential":{"name":"n"},"secret":${object}}`,
  },
  {
    dialect: 'coffer',
    member: 'credential.metadata',
    path: nativePath,
    rpc: rpcOfCreate,
    names: nativeNames,
    around: (object) => `{"credential":{"name":"n","metadata":${object}},"secret":{"k":"v"}}`,
  },
  ...['credentialData', 'plainDataObj'].flatMap((member): Place[] => [
    {
      dialect: 'flowise',
      member,
      path: '/flowise/api/v1/credentials/',
      rpc: 'flowise.v1.CredentialService/CreateCredential',
      around: (object) => `{"name":"n","credentialName":"openAIApi","${member}":${object}}`,
    },
    {
      dialect: 'flowise',
      member,
      method: 'PUT',
      path: `/flowise/api/v1/credentials/${absentId}`,
      rpc: 'flowise.v1.CredentialService/UpdateCredential',
      names: { id: absentId },
      around: (object) => `{"name":"n","${member}":${object}}`,
    },
  ]),
  {
    dialect: 'mielto',
    member: 'credentials',
    path: '/mielto/api/v1/credentials',
    rpc: 'mielto.v1.CredentialService/CreateCredential',
    around: (object) => `{"label":"l","auth_type":"api_key","credential_scope":"workspace","credentials":${object}}`,
  },
  {
    dialect: 'mielto',
    member: 'credentials',
    method: 'PATCH',
    path: `/mielto/api/v1/credentials/${absentId}`,
    rpc: 'mielto.v1.CredentialService/UpdateCredential',
    names: { id: absentId },
    around: (object) => `{"credentials":${object}}`,
  },
  {
    dialect: 'scale',
    member: 'credential_metadata',
    path: '/scale/v5/credentials',
    rpc: 'scale.v5.CredentialService/CreateCredential',
    around: (object) => `{"type":"key","name":"n","payload":"p","credential_metadata":${object}}`,
  },
  {
    dialect: 'scale',
    member: 'credential_metadata',
    method: 'PATCH',
    path: `/scale/v5/credentials/${absentId}`,
    rpc: 'scale.v5.CredentialService/UpdateCredential',
    names: { id: absentId },
    around: (object) => `{"credential_metadata":${object}}`,
  },
];

const twice = 'is sent more than once';
const inexact = 'is a number that a double cannot hold exactly';

/** JSON objects that parsing would change, with the place in them and what is said of it. */
const unfaithful: readonly (readonly [object: string, place: string, complaint: string])[] = [
  ['{"a":"hidden-1","a":"hidden-2"}', 'a', twice],
  ['{"a":"hidden-1","\\u0061":"hidden-2"}', 'a', twice],
  ['{"a":{"b":[{"c":1},{"c":1,"d":2, "c" :1}]}}', 'a.b.1.c', twice],
  ['{"a":9007199254740993}', 'a', inexact],
  ['{"a":[0,12345678901234567890]}', 'a.1', inexact],
  ['{"a":{"b":-1e400}}', 'a.b', inexact],
  ['{"a":1e-400}', 'a', inexact],
  ['{"a":0.1000000000000000055511151231257827}', 'a', inexact],
];

const halfCharacters = ['{"a":"x\\ud800"}', '{"a":"\\udc00\\ud800"}', '{"a":[{"b":"\\uDBFFx"}]}', '{"a\\ud800":"x"}'];

const faithful =
  '{"a":0.1,"b":1.10,"c":1e2,"d":100e-2,"e":1.0,"f":9007199254740991,"g":-0.5,"h":1E+2,"i":"😀\\ud83d\\ude00","j":{"a":{"a":0}}}';

describe('what is stored is what was sent', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer();
    call = restClient(coffer.origin);
  });

  after(async () => {
    await coffer.stop();
  });

  function send({ method = 'POST', path }: Pick<Place, 'method' | 'path'>, body: string): Promise<RestReply> {
    return call({ method, path, token: coffer.adminToken, body });
  }

  async function sendConnect(
    rpc: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; body: JsonObject; text: string }> {
    const response = await fetch(`${coffer.origin}/${rpc}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json', ...headers },
      body,
    });
    const text = await response.text();
    return { status: response.status, body: parseObject(text), text };
  }

  function pathOf({ method, template }: DocumentedRoute): string {
    const dialect = dialectOf(method.parent.typeName);
    const workspace = dialect === 'miniflow' ? coffer.defaultWorkspaceShortId : 'default';
    const path = template.replaceAll(/\{(\w+)(?:=[^}]*)?\}/g, (_all, name: string) =>
      name === 'workspace_id' ? workspace : absentId,
    );
    return dialect === 'coffer' ? path : `/${dialect}${path}`;
  }

  describe('a member that a body has twice is refused, and named', () => {
    for (const route of routesWithBody) {
      const dialect = dialectOf(route.method.parent.typeName);
      it(`by ${dialect} ${route.httpMethod} ${route.template}`, async () => {
        const reply = await send({ method: route.httpMethod, path: pathOf(route) }, '{"same":"hidden","\\u0073ame":1}');
        expect(refusals[dialect](reply)).to.deep.equal({ ...expectedRefusals[dialect], text: `same ${twice}` });
        expect(reply.text).not.to.include('hidden');
      });
    }

    for (const { parent, name, methodKind } of rpcs.filter((rpc) => rpc.methodKind === 'unary')) {
      it(`by ${parent.typeName}/${name} in Connect's JSON (${methodKind})`, async () => {
        const { status, body, text } = await sendConnect(`${parent.typeName}/${name}`, '{"same":"hidden","same":1}');
        expect({ status, code: body['code'], message: body['message'] }).to.deep.equal({
          status: 400,
          code: 'invalid_argument',
          message: `same ${twice}`,
        });
        expect(text).not.to.include('hidden');
      });
    }
  });

  describe('a body of more values than any request needs is refused before they are made', () => {
    const body = `{"a":[${'[],'.repeat(40_000)}0]}`;
    const sentence = 'body has more than 65536 commas, colons and opening brackets';

    for (const { dialect, method = 'POST', path, rpc } of places) {
      it(`by ${dialect} ${method} ${path}`, async () => {
        const reply = await send({ method, path }, body);
        expect(refusals[dialect](reply)).to.deep.equal({ ...expectedRefusals[dialect], text: sentence });
        const { status, body: refusal } = await sendConnect(rpc, body);
        expect({ status, message: refusal['message'] }).to.deep.equal({ status: 400, message: sentence });
      });
    }
  });

  describe("a member that is sent under both of its names is refused, and named, in Connect's JSON", () => {
    for (const { parent, name, methodKind, input } of rpcs) {
      const field = input.fields.find(({ name: protoName, jsonName }) => protoName !== jsonName);
      if (methodKind !== 'unary' || !field) continue;
      it(`by ${parent.typeName}/${name}`, async () => {
        const body = JSON.stringify({ [field.name]: null, [field.jsonName]: 'hidden' });
        const { status, body: refusal } = await sendConnect(`${parent.typeName}/${name}`, body);
        expect({ status, message: refusal['message'] }).to.deep.equal({
          status: 400,
          message: `the field ${field.name} is sent twice`,
        });
      });
    }
  });

  for (const place of places) {
    const { dialect, member, method = 'POST', path, rpc, around } = place;

    describe(`${member} of ${dialect} ${method} ${path}`, () => {
      for (const [object, at, complaint] of unfaithful) {
        it(`refuses ${object}, naming the place and no value`, async () => {
          const sentence = `${member}.${at} ${complaint}`;
          const reply = await send(place, around(object));
          expect(refusals[dialect](reply)).to.deep.equal({ ...expectedRefusals[dialect], text: sentence });
          const { status, body, text } = await sendConnect(rpc, inConnect(place, object));
          expect({ status, message: body['message'] }).to.deep.equal({ status: 400, message: sentence });
          expect(reply.text + text).not.to.match(/hidden|9007199254740993|12345678901234567890|e-?400|0\.1000/);
        });
      }

      it('refuses half of a surrogate pair, also in the name of a member', async () => {
        for (const object of halfCharacters) {
          const reply = await send(place, around(object));
          expect(reply.status, object).to.equal(dialect === 'mielto' || dialect === 'scale' ? 422 : 400);
          const { status, body } = await sendConnect(rpc, inConnect(place, object));
          expect({ status, code: body['code'] }, object).to.deep.equal({ status: 400, code: 'invalid_argument' });
        }
      });

      it('refuses bytes that are no UTF-8', async () => {
        for (const bytes of ['\xff', '\xc3', '\xed\xa0\x80', '\xc0\x80']) {
          const at = (text: string) => new Uint8Array(Buffer.from(text.replace('@', bytes), 'latin1'));
          const ofRest = await fetch(coffer.origin + path, {
            method,
            headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' },
            body: at(around('{"a":"@"}')),
          });
          expect(ofRest.status).to.equal(dialect === 'mielto' || dialect === 'scale' ? 422 : 400);
          const { status, body } = await sendConnect(rpc, at(inConnect(place, '{"a":"@"}')));
          expect({ status, code: body['code'] }).to.deep.equal({ status: 400, code: 'invalid_argument' });
        }
      });
    });
  }

  it('the body still chooses between dialects that share a path', async () => {
    const ofFlowise = await send({ path: '/api/v1/credentials' }, '{"name":"n","credentialData":{"a":1,"a":2}}');
    expect(refusals.flowise(ofFlowise)).to.deep.equal({ status: 400, text: `credentialData.a ${twice}` });
    const ofMielto = await send({ path: '/api/v1/credentials/' }, '{"label":"n","credentials":{"a":1,"a":2}}');
    expect(refusals.mielto(ofMielto)).to.include({ status: 422, text: `credentials.a ${twice}` });
  });

  it('nothing that was refused is stored', async () => {
    expect(await coffer.native('GET', nativePath)).to.deep.include({ credentials: [] });
  });

  it('numbers that a double holds, and whole characters, come back with their values', async () => {
    const created = parseObject(
      (await send(places[0] ?? { path: '' }, `{"credential":{"name":"n"},"secret":${faithful}}`)).text,
    );
    const id = textOf(created, 'credential', 'id');
    const { secret } = await coffer.native('POST', `${nativePath}/${id}:reveal`, {});
    expect(secret).to.deep.equal(JSON.parse(faithful));
    for (const place of places.filter(({ method }) => method === undefined)) {
      const reply = await send(place, place.around(faithful));
      expect(reply.status, reply.text).to.be.oneOf([200, 201]);
    }
  });

  it('names of members come back as they were sent, whatever names others have sent before', async () => {
    for (const name of ['x\\', 'x"', 'x\n', '\\', '"', '\u0001']) {
      const members = { first: 'v', [name]: { first: 'v', [name]: 'v' } };
      const body = { workspace_id: 'default', credential: { name: 'n', metadata: members }, secret: members };
      const sent = await sendConnect(rpcOfCreate, JSON.stringify(body));
      const id = textOf(sent.body, 'credential', 'id');
      const compressed = new Uint8Array(gzipSync(JSON.stringify(body)));
      const again = await sendConnect(rpcOfCreate, compressed, { 'content-encoding': 'gzip' });
      expect(again.status).to.be.oneOf([200, 400]);
      const ids = [id, ...(again.status === 200 ? [textOf(again.body, 'credential', 'id')] : [])];
      for (const one of ids) {
        const { credential } = await coffer.native('GET', `${nativePath}/${one}`);
        expect(memberOf(credential, 'metadata')).to.deep.equal(members);
        expect((await coffer.native('POST', `${nativePath}/${one}:reveal`, {}))['secret']).to.deep.equal(members);
      }
    }
  });

  it('a payload that is JSON is refused where its members would replace those of another dialect', async () => {
    const body = { credential: { name: 'two fields' }, secret: { user: 'u', port: 1 } };
    const id = textOf(await coffer.native('POST', nativePath, body), 'credential', 'id');
    for (const payload of ['{"user":"u","port":9007199254740993}', '{"user":"u","port":1,"port":2}']) {
      const reply = await send({ method: 'PATCH', path: `/scale/v5/credentials/${id}` }, JSON.stringify({ payload }));
      expect(reply.status, reply.text).to.equal(422);
      expect(reply.text).to.include('payload').and.to.include('port').and.not.to.include('9007199254740993');
    }
    const { secret } = await coffer.native('POST', `${nativePath}/${id}:reveal`, {});
    expect(secret).to.deep.equal(body.secret);
  });

  it('a payload of Scale is a text, which may be any JSON', async () => {
    const payload = '{"a":9007199254740993,"a":1e400}';
    const reply = await send(
      { path: '/scale/v5/credentials' },
      JSON.stringify({ type: 'json', name: 'text', payload }),
    );
    const id = textOf(parseObject(reply.text), 'id');
    const shown = await send({ path: `/scale/v5/credentials/${id}/secret` }, '');
    expect(parseObject(shown.text)['result']).to.equal(payload);
  });

  describe("Connect's and gRPC's other ways of sending JSON", () => {
    const bodies: Readonly<Record<string, string>> = {
      'a member that is sent twice': '{"a":1,"a":2}',
      'a number that a double cannot hold': '{"a":9007199254740993}',
      'bytes that are no UTF-8': '{"a":"\xff"}',
      'half of a surrogate pair': '{"a":"\\ud800"}',
    };

    for (const [title, object] of Object.entries(bodies)) {
      const bytes = Buffer.from(`{"workspace_id":"default","credential":{"name":"n"},"secret":${object}}`, 'latin1');

      it(`${title} is refused in a compressed body`, async () => {
        const sent = await sendConnect(rpcOfCreate, new Uint8Array(gzipSync(bytes)), { 'content-encoding': 'gzip' });
        expect({ status: sent.status, code: sent.body['code'] }).to.deep.equal({
          status: 400,
          code: 'invalid_argument',
        });
      });

      it(`${title} is refused by gRPC-Web with JSON`, async () => {
        const response = await fetch(`${coffer.origin}/${rpcOfCreate}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/grpc-web+json' },
          body: framed(bytes),
        });
        expect(await response.text()).to.match(/grpc-status: 3\r/);
      });

      it(`${title} is refused by gRPC with JSON`, async () => {
        expect(await sendGrpc(coffer, rpcOfCreate, 'application/grpc+json', bytes)).to.equal('3');
      });

      it(`${title} is refused in the request of a stream`, async () => {
        const watch = Buffer.from(`{"workspace_id":"default","x":${object}}`, 'latin1');
        const response = await fetch(`${coffer.origin}/coffer.v1.EventService/WatchCredentials`, {
          method: 'POST',
          headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/connect+json' },
          body: framed(watch),
        });
        expect(await response.text()).to.include('"invalid_argument"');
      });

      it(`${title} is refused in a query`, async () => {
        const message = encodeLatin1(`{"workspace_id":"default","page_token":${object}}`);
        const query = `connect=v1&encoding=json&message=${message}`;
        const response = await fetch(`${coffer.origin}/coffer.v1.CredentialService/ListCredentials?${query}`, {
          headers: { authorization: `Bearer ${coffer.adminToken}` },
        });
        expect(response.status).to.equal(400);
        expect(await response.text()).to.include('"invalid_argument"');
      });
    }
  });

  describe('bytes that are no UTF-8 are refused in a message', () => {
    /** Three letters that are replaced by bytes, in every text that a create may hold. */
    const mark = '!!!';
    const schema = CreateCredentialRequestSchema;
    const holders: Readonly<Record<string, JsonObject>> = {
      'in a name': { credential: { name: mark } },
      'in a tag': { credential: { name: 'n', tags: [mark] } },
      'in the name of a label': { credential: { name: 'n', labels: { [mark]: 'v' } } },
      'in a label': { credential: { name: 'n', labels: { k: mark } } },
      'in metadata': { credential: { name: 'n', metadata: { a: [{ b: mark }] } } },
      'in the name of a member of a secret': { secret: { a: { [mark]: 'v' } } },
      'in a secret': { secret: { a: [mark] } },
    };
    for (const [title, holder] of Object.entries(holders)) {
      it(title, async () => {
        const request = { workspaceId: 'default', credential: { name: 'n' }, secret: { k: 'v' }, ...holder };
        const message = Buffer.from(toBinary(schema, fromJsonString(schema, JSON.stringify(request))));
        const at = message.indexOf(mark);
        expect(at).to.be.greaterThan(0);
        for (const bytes of ['\xff\xfe\xfd', '\xed\xa0\x80', 'a\xc0\x80']) {
          message.write(bytes, at, 'latin1');
          expect(await sendGrpc(coffer, rpcOfCreate, 'application/grpc', message)).to.equal('3');
          const sent = await sendConnect(rpcOfCreate, new Uint8Array(message), { 'content-type': 'application/proto' });
          expect({ status: sent.status, code: sent.body['code'] }).to.deep.equal({
            status: 400,
            code: 'invalid_argument',
          });
        }
      });
    }
  });

  describe('a path or a query whose escapes are no UTF-8 is refused', () => {
    const requests: Readonly<Record<string, string>> = {
      'in a parameter of Scale': '/scale/v5/credentials?name=a%FF',
      'in half of a surrogate pair': '/scale/v5/credentials?name=%ED%A0%80',
      'in a parameter of Mielto': '/mielto/api/v1/credentials?search=%C3',
      'in a parameter of Flowise': '/flowise/api/v1/credentials/?credentialName=%80',
      'in the name of a parameter': '/v1/workspaces/default/credentials?a%FF=1',
      'in a parameter of the native API': '/v1/workspaces/default/credentials?page_token=%F0%9F%98',
      'in a name in the path': '/scale/v5/credentials/name/a%FF',
      'in an id of Flowise': '/flowise/api/v1/credentials/%FF',
    };
    for (const [title, path] of Object.entries(requests)) {
      it(title, async () => {
        const reply = await call({ path, token: coffer.adminToken });
        expect(reply.status, reply.text).to.be.oneOf([400, 422]);
      });
    }

    it('while whole characters are taken', async () => {
      const reply = await call({ path: '/scale/v5/credentials?name=%C3%A9%F0%9F%98%80', token: coffer.adminToken });
      expect(reply.status).to.equal(200);
    });
  });
});

function dialectOf(typeName: string): Dialect {
  return dialects[typeName.split('.')[0] ?? ''] ?? 'coffer';
}

/** The request as Connect's JSON, which names in its body what REST names in its path. */
function inConnect({ names = {}, around }: Place, object: string): string {
  const more = Object.entries(names).map(([name, value]) => `"${name}":${JSON.stringify(value)},`);
  return `{${more.join('')}${around(object).slice(1)}`;
}

/** Answers the status of a call. */
async function sendGrpc(
  { origin, adminToken }: TestCoffer,
  rpc: string,
  type: string,
  message: Buffer,
): Promise<unknown> {
  const session = connect(origin);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${rpc}`,
    authorization: `Bearer ${adminToken}`,
    'content-type': type,
    te: 'trailers',
  });
  const seen: Record<string, unknown> = {};
  const note = (headers: object): void => void Object.assign(seen, headers);
  stream.on('response', note).on('trailers', note).resume();
  stream.end(framed(message));
  await once(stream, 'close');
  session.destroy();
  return seen['grpc-status'];
}

function framed(message: Buffer): Uint8Array<ArrayBuffer> {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return new Uint8Array(Buffer.concat([head, message]));
}

function encodeLatin1(text: string): string {
  return [...Buffer.from(text, 'latin1')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
