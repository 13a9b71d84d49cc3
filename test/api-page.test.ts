import { expect } from 'chai';
import { execFile, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { connectStatusOf } from '../src/gateway/errors/connect-errors.ts';
import { vaultErrorCodes } from '../src/vault/errors.ts';
import { isJsonObject, type JsonValue } from '../src/vault/json.ts';
import { parseJson } from '../src/vault/read-json.ts';
import {
  callByGrpc,
  callByRest,
  variablesOf,
  type ApiAnswer,
  type ApiCaller,
  type StreamedMessage,
} from './support/api-callers.ts';
import { readApiPage, type PrintedAnswer, type PrintedCall, type RpcSection } from './support/api-page.ts';
import { allGuardedRpcs, nameOfRpc } from './support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from './support/coffer.ts';
import { leastRole } from './support/permission-table.ts';
import { allRoutes, type DocumentedRoute } from './support/routes.ts';
import { Samples } from './support/samples.ts';

const hasTools = ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const root = resolve(import.meta.dirname, '..');
const page = readFileSync(resolve(root, 'docs/api.md'), 'utf8');
const sections = readApiPage(page);
const routes = (await allRoutes()).filter(({ method }) => method.parent.typeName.startsWith('coffer.v1.'));
const rpcs = allGuardedRpcs().filter(({ dialect }) => dialect.name === 'coffer');

const protocols: Readonly<Record<string, { readonly call: ApiCaller; readonly replaced: Record<string, string> }>> = {
  REST: { call: callByRest, replaced: {} },
  // The trail names the protocol.
  gRPC: { call: callByGrpc, replaced: { rest: 'grpc' } },
};

describe('docs/api.md', () => {
  it('has a section for each rpc of coffer.v1, and for nothing else', () => {
    expect(sections.map(({ name }) => name).toSorted()).to.deep.equal(
      rpcs.map(({ rpc }) => rpc.method.name).toSorted(),
    );
  });

  for (const { rpc } of rpcs) {
    const { method, access } = rpc;
    it(`states the route and the permission of ${method.name}, and shows a call of it`, () => {
      const section = sections.find(({ name }) => name === method.name);
      if (!section) throw new Error(`the page has no section ${method.name}`);
      const route = routes.find((candidate) => nameOfRpc(candidate.method) === nameOfRpc(method));
      if (route) {
        expect(section.text).to.include(`\`${route.httpMethod} ${route.template}\``);
        expect(section.calls.map((call) => nameOfRpc(routeOf(call).method))).to.include(nameOfRpc(method));
      }
      if ('permission' in access) expect(section.text).to.include(`\`${access.permission}\``);
      if (access.kind === 'workspace') expect(section.text).to.include(`\`${String(leastRole(access.permission))}\``);
    });
  }

  it('lists every reason of errors with its code and status, and no other', () => {
    const codes = new Map<string, string>(vaultErrorCodes.map((code) => [code.toUpperCase(), codeAndStatus(code)]));
    const listed = Array.from(page.matchAll(/^\| `([A-Z_]+)` +\| `(\w+)`, (\d+)/gm), ([, reason, code, status]) => ({
      reason: reason ?? '',
      is: `${code}, ${status}`,
    }));
    expect(listed.map(({ reason }) => reason).toSorted()).to.deep.equal(knownReasons().toSorted());
    for (const { reason, is } of listed) if (codes.has(reason)) expect(is, reason).to.equal(codes.get(reason));
  });

  (hasTools ? it : it.skip)(
    'has a function of bash that sends a request as printed, with its header and its body',
    async () => {
      await using stack = new AsyncDisposableStack();
      const coffer = await startCoffer();
      stack.defer(() => coffer.stop());
      const [definition = ''] = /^coffer\(\) .*$/m.exec(page) ?? expect.fail('the page has no function');
      const path = '/v1/workspaces/default/credentials';
      const { credential } = await coffer.native('POST', path, { credential: { name: 'one' }, secret: { k: 'v' } });
      const id = String(Object(credential)['id']);
      const script = `${definition}\ncoffer PATCH ${path}/${id} '{"name":"two, \\"three\\""}' 'If-Match: "7"'\ncoffer GET /v1/whoami`;
      const env = { ...process.env, COFFER: coffer.origin, KEY: coffer.adminToken };
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { env });
      expect(stdout).to.include('its etag is 1').and.to.include('"default_workspace_id"');
    },
  );

  for (const [protocol, { call, replaced }] of Object.entries(protocols)) {
    describe(`over ${protocol}`, () => {
      let coffer: TestCoffer;
      const samples = new Samples(replaced);

      before(async () => {
        coffer = await startCoffer();
      });
      after(() => coffer.stop());

      // Later calls use what earlier ones made.
      for (const section of sections.filter(({ calls }) => calls.length > 0)) {
        it(`shows what a server answers in ${section.name}`, async () => {
          for (const printed of section.calls) await expectAnswer({ coffer, samples, call }, section, printed);
        }).timeout(20_000);
      }
    });
  }
});

interface Comparison {
  readonly coffer: TestCoffer;
  readonly samples: Samples;
  readonly call: ApiCaller;
}

async function expectAnswer({ coffer, samples, call }: Comparison, { name }: RpcSection, printed: PrintedCall) {
  const { answer } = printed;
  const route = routeOf(printed);
  const headers = Object.entries(printed.headers).map(([header, value]) => [header, samples.fill(value)] as const);
  const actual = await call(coffer.origin, {
    httpMethod: printed.httpMethod,
    route,
    target: samples.fill(printed.target),
    body: printed.body && samples.fill(printed.body),
    headers: Object.fromEntries(headers),
    token: printed.key === undefined ? coffer.adminToken : samples.fill(printed.key),
    hasEnough: (messages) => shownOf(answer, messages) !== undefined,
  });
  const place = `${printed.httpMethod} ${printed.target} in ${name} answers ${JSON.stringify(actual, null, 2)}\n${name}`;
  expect(actual.status, place).to.equal(answer.kind === 'json' ? answer.status : 200);
  compare(samples, answer, actual, place);
}

function compare(samples: Samples, answer: PrintedAnswer, { messages }: ApiAnswer, place: string): void {
  if (answer.kind === 'json') {
    expect(messages, place).to.have.length(1);
    samples.expectAlike(parseJson(answer.json), messages[0]?.json, place);
    return;
  }
  const shown = shownOf(answer, messages) ?? expect.fail(`${place}: the stream lacks an event`);
  for (const [index, { data, event, id }] of answer.events.entries()) {
    const message = shown[index];
    // Only REST has names and ids.
    if (message?.event !== undefined) expect(message.event, place).to.equal(event);
    if (message?.id !== undefined) expect(id, `${place}: an id`).to.be.a('string');
    samples.expectAlike(parseJson(data), message?.json, `${place}[${index}]`);
  }
}

/** The messages that a page prints, in order; between them there may be others, such as heartbeats. Undefined if one is missing. */
function shownOf(answer: PrintedAnswer, messages: readonly StreamedMessage[]): readonly StreamedMessage[] | undefined {
  if (answer.kind === 'json') return messages;
  const shown: StreamedMessage[] = [];
  for (const message of messages) {
    const next = answer.events[shown.length];
    if (next && sameMembers(parseJson(next.data), message.json)) shown.push(message);
  }
  return shown.length === answer.events.length ? shown : undefined;
}

function sameMembers(one: JsonValue, other: JsonValue): boolean {
  return namesOf(one) === namesOf(other);
}

function namesOf(value: JsonValue): string {
  return isJsonObject(value) ? Object.keys(value).toSorted().join() : '';
}

function routeOf({ httpMethod, target }: PrintedCall): DocumentedRoute {
  const [path = ''] = target.split('?');
  const found = routes.find((route) => route.httpMethod === httpMethod && variablesOf(route.template, path));
  return found ?? expect.fail(`no route for ${httpMethod} ${path}`);
}

function codeAndStatus(code: (typeof vaultErrorCodes)[number]): string {
  const { code: name, status } = connectStatusOf(code);
  return `${name}, ${status}`;
}

/** The codes of the vault, and the reasons in the sources that native calls can meet. */
/** Codes whose errors always have a reason of their own. */
const alwaysWithReason: ReadonlySet<string> = new Set(['already_exists', 'failed_precondition']);

function knownReasons(): readonly string[] {
  const files = globSync(
    'src/{vault,gateway,authentication,encryption,store,start,dialects/coffer,dialects/shared}/**/*.ts',
    {
      cwd: root,
    },
  );
  const written = files.flatMap((file) =>
    Array.from(
      readFileSync(resolve(root, file), 'utf8').matchAll(/\breason: '([A-Z_]+)'/g),
      ([, reason = '']) => reason,
    ),
  );
  const codes = vaultErrorCodes.filter((code) => !alwaysWithReason.has(code)).map((code) => code.toUpperCase());
  return [...new Set([...codes, ...written])];
}
