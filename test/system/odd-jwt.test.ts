import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { AccessService } from '../../gen/coffer/v1/access_service_pb.ts';
import { RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { fetchesAtOnceMax } from '../../src/authentication/oidc/signing-keys.ts';
import { audience, newSigningKey, TestIssuer, type SigningKey } from '../authentication/oidc/test-issuer.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

const lists = [
  '/v1/workspaces/default/credentials',
  '/flowise/api/v1/credentials/',
  '/fishnet/api/credentials',
  '/mielto/api/v1/credentials',
  '/scale/v5/credentials',
  '/miniflow/frontend/workspaces/{workspace}/credentials',
];
const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect of JSON': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
  'Connect of protobuf': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
};

/** A mark that must stand nowhere but in the token. */
const mark = 'zQ7claim';
/** Values of JSON that are no name, as texts, since JavaScript cannot hold each of them. */
const noNames = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '5.5',
  '1e400',
  '-1e400',
  '""',
  '"\\u0000"',
  '[]',
  '[null]',
  '[[]]',
]
  .concat(
    '{}',
    `{"length":1,"0":"${mark}"}`,
    `["${mark}"]`,
    `["${mark}","${mark}"]`,
    `[["${mark}"]]`,
    `[{"a":"${mark}"}]`,
  )
  .concat(
    `{"toString":"${mark}"}`,
    `"${mark}\\u0000"`,
    `"${mark}\\ud800"`,
    `"\\udc00${mark}"`,
    `"${mark.repeat(500)}"`,
  );
const noTimes = [
  'null',
  'true',
  'false',
  '"2000000000"',
  '""',
  '[]',
  '[2000000000]',
  '{}',
  '{"valueOf":2000000000}',
].concat('1e400', '-1e400', '"Infinity"', '"9e9"', `"${mark}"`, `["${mark}"]`, '"\\u0000"', '"\\ud800"');

/** What each claim or header parameter must not be. */
const oddValues: Readonly<Record<string, readonly string[]>> = {
  'header.typ': noNames,
  'header.kid': noNames,
  'header.alg': [...noNames, '"none"', '"HS256"', '"es256"', '["ES256"]'],
  sub: noNames,
  exp: [...noTimes, '1'],
  nbf: noTimes,
  iat: noTimes,
  aud: [...noNames, `["${audience}",5]`, `["${audience}",null]`, `[["${audience}"]]`, `{"0":"${audience}"}`],
  iss: [...noNames, 'ISSUER_IN_LIST'],
  coffer_workspace: noNames,
  coffer_role: [...noNames, '[["EDITOR"]]', '{"0":"EDITOR"}', '"EDITOR\\u0000"'],
  cnf: noNames,
};

describe('a JWT', () => {
  const nowMs = Date.UTC(2030, 0, 1);
  let timeMs = nowMs;
  let issuer: TestIssuer;
  let coffer: TestCoffer;
  let logged = '';
  let answered = '';

  before(async () => {
    issuer = await TestIssuer.start();
    coffer = await startCoffer({
      now: () => new Date(timeMs),
      environment: { COFFER_OIDC_ISSUER: issuer.url, COFFER_OIDC_AUDIENCE: audience },
      log: pino({ level: 'debug' }, new Writable({ write: (chunk, _, done) => ((logged += String(chunk)), done()) })),
    });
  });
  after(async () => {
    await coffer.stop();
    await issuer[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    timeMs += 60_000;
  });

  async function list(path: string, token: string): Promise<Response> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(coffer.origin + path.replace('{workspace}', coffer.defaultWorkspaceShortId), {
      headers,
    });
    answered += await response.text();
    return response;
  }

  async function codeOf(make: (baseUrl: string) => Transport, token: string): Promise<ConnectError | undefined> {
    const headers = { authorization: `Bearer ${token}` };
    const refusal = await createClient(AccessService, make(coffer.origin))
      .whoAmI({}, { headers })
      .then(
        () => undefined,
        (error: unknown) => ConnectError.from(error),
      );
    answered += refusal?.message ?? '';
    return refusal;
  }

  /** A token with one member replaced by a text of JSON. */
  function tokenWith(name: string, text: string): Promise<string> {
    const seconds = Math.floor(timeMs / 1_000);
    const header = { alg: 'ES256', kid: issuer.key.kid, typ: 'at+jwt' };
    const granted = { coffer_workspace: coffer.defaultWorkspaceId, coffer_role: 'EDITOR' };
    const claims = { iss: issuer.url, aud: audience, sub: 'alice', iat: seconds, exp: seconds + 300, ...granted };
    const [part, member = part] = name.split('.');
    const odd = { [String(member)]: 0 };
    const parts = part === 'header' ? [{ ...header, ...odd }, claims] : [header, { ...claims, ...odd }];
    const value = text === 'ISSUER_IN_LIST' ? `["${issuer.url}"]` : text;
    const texts = parts.map((object) => JSON.stringify(object).replace(`"${member}":0`, () => `"${member}":${value}`));
    return issuer.signTexts(texts[0] ?? '', texts[1] ?? '');
  }

  it('of a member as it should be is accepted', async () => {
    for (const [name, text] of Object.entries({
      sub: '"alice"',
      aud: `["${audience}","other"]`,
      exp: '1e300',
      coffer_workspace: `["${coffer.defaultWorkspaceId}"]`,
      'header.typ': '"JWT"',
    })) {
      expect((await list(lists[0] ?? '', await tokenWith(name, text))).status, name).to.equal(200);
    }
  });

  for (const [name, texts] of Object.entries(oddValues)) {
    it(`is refused by every dialect and protocol where ${name} is no such thing`, async () => {
      for (const [index, text] of texts.entries()) {
        const token = await tokenWith(name, text);
        for (const path of [lists[index % lists.length] ?? '', lists[(index + 3) % lists.length] ?? '']) {
          expect((await list(path, token)).status, `${path}: ${text.slice(0, 40)}`).to.equal(401);
        }
        const [protocol, make] = Object.entries(transports)[index % 4] ?? [];
        const refusal = make && (await codeOf(make, token));
        expect(refusal?.code, `${protocol}: ${text.slice(0, 40)}`).to.equal(Code.Unauthenticated);
      }
    });
  }

  it('that was refused leaves its reason in the log at debug, and nothing of itself anywhere', async () => {
    const token = await tokenWith('sub', `["${mark}"]`);
    const { headers } = await list(lists[0] ?? '', token);
    const lines = logged
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Object(JSON.parse(line)));
    const line = lines.find(({ requestId, reason }) => reason && requestId === headers.get('x-request-id'));
    expect(line).to.include({ level: 20, code: 'token_invalid', msg: 'a token was refused' });
    expect(line.reason).to.equal('the claim sub is missing, of another type or not acceptable');
    for (const name of Object.keys(oddValues)) {
      expect(logged, name).to.match(
        new RegExp(`the (?:claim|header parameter) ${name.replace('header.', '')} |malformed`),
      );
    }
    for (const place of [logged, answered]) expect(place).not.to.match(new RegExp(`${mark}|eyJ|\\\\ud800|1e400`));
    expect(lines.every(({ level }) => level < 50)).to.equal(true);
  });

  describe('of a key that the issuer has just begun to use, while it may not be asked', () => {
    let second: SigningKey;
    let token: string;

    beforeEach(async () => {
      for (let kid = 0; kid <= fetchesAtOnceMax; kid += 1) {
        const forged = await issuer.sign({}, new Date(timeMs), { header: { kid: `made-up before ${kid}` } });
        await list(lists[0] ?? '', forged);
      }
      second = await newSigningKey(`key ${timeMs}`);
      issuer.use(second);
      token = await tokenWith('sub', '"alice"');
    });

    for (const path of lists) {
      it(`is 503 with when to try again at ${path}, and then accepted`, async () => {
        const refused = await list(path, token);
        expect(refused.status).to.equal(503);
        const seconds = Number(refused.headers.get('retry-after'));
        expect(seconds).to.be.within(1, 10);
        timeMs += seconds * 1_000;
        expect((await list(path, token)).status).to.equal(200);
      });
    }

    for (const [protocol, make] of Object.entries(transports)) {
      it(`is UNAVAILABLE with when to try again over ${protocol}, and then accepted`, async () => {
        const refusal = await codeOf(make, token);
        expect(refusal?.code).to.equal(Code.Unavailable);
        expect(Number(refusal?.metadata.get('retry-after'))).to.be.within(1, 10);
        const [retry] = refusal?.findDetails(RetryInfoSchema) ?? [];
        const waitMs = Number(retry?.retryDelay?.seconds) * 1_000 + (retry?.retryDelay?.nanos ?? 0) / 1e6;
        expect(waitMs).to.be.within(1, 10_000);
        timeMs += waitMs;
        expect(await codeOf(make, token)).to.equal(undefined);
      });
    }

    it('does not let made-up keys have the issuer asked more than once in ten seconds', async () => {
      const before = issuer.paths.length;
      for (let kid = 0; kid < 50; kid += 1) {
        const forged = await issuer.sign({}, new Date(timeMs), { key: second, header: { kid: `made-up ${kid}` } });
        expect((await list(lists[kid % lists.length] ?? '', forged)).status).to.equal(503);
      }
      expect(issuer.paths).to.have.lengthOf(before);
      timeMs += 10_000;
      expect((await list(lists[0] ?? '', token)).status).to.equal(200);
      expect(issuer.paths).to.have.lengthOf(before + 2);
    });
  });
});
