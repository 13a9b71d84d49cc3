import { fromJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { formatShortId } from '../../src/vault/ids.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { nameOfRpc, type GuardedServed, type ServedRpc, type ServedStream } from './bound-rpcs.ts';
import type { MatrixAnswer, MatrixCaller } from './decisions.ts';
import type { DocumentedRoute } from './routes.ts';

/** What a request names: a workspace, and in it a credential, an API key and a user. */
export interface Target {
  readonly title: string;
  readonly workspaceId: string;
  readonly things: Readonly<Record<string, string>>;
}

/** Things that are nowhere. */
export const absentThings: Readonly<Record<string, string>> = {
  credential_id: '018cc251-f400-7abc-8def-000000000001',
  api_key_id: '018cc251-f400-7abc-8def-000000000002',
  user_id: '018cc251-f400-7abc-8def-000000000003',
  name: 'a name that nothing has',
};
export const absentWorkspaceId = '018cc251-f400-7abc-8def-000000000004';

/** How a request of a dialect names the workspace; undefined where it cannot. */
export function wayOfNaming({ dialect, rpc }: GuardedServed): 'field' | 'header' | undefined {
  if (rpc.method.input.fields.some(({ name }) => name === 'workspace_id')) return 'field';
  return dialect.workspaceHeader === undefined ? undefined : 'header';
}

/** The fields of a request that name a thing, by the name that `Target` has for it. */
export function thingsNamedBy({ rpc }: GuardedServed): readonly string[] {
  const names = rpc.method.input.fields.map(({ name }) => name);
  return names.filter((name) => name in absentThings && (name !== 'name' || isByName(rpc)));
}

/** Whether a request names a credential by its name. */
function isByName({ method }: GuardedServed['rpc']): boolean {
  return method.name.endsWith('ByName') || method.name === 'ResolveSecret';
}

/** Whether a request names a credential of a workspace. */
export function mayNameCredential(one: GuardedServed): boolean {
  const names = thingsNamedBy(one);
  return one.rpc.access.kind === 'workspace' && (names.includes('credential_id') || names.includes('name'));
}

/** A route of an rpc, and what its path begins with. */
export interface RestRoute {
  readonly one: GuardedServed;
  readonly route: DocumentedRoute;
  readonly prefix: string;
}

/** The protocols that carry streams. */
export const protocolsOfStreams = ['gRPC', 'gRPC-Web', 'Connect'] as const;

const streamTransports = {
  gRPC: (baseUrl: string): Transport => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl: string): Transport => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  Connect: (baseUrl: string): Transport =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
} as const;

/** Sends requests that name things, and nothing more than that unless it is asked for. */
export class MatrixRequests {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @param more what the message holds beside the names */
  sendRpc(one: ServedRpc, caller: MatrixCaller, target: Target, more: JsonObject = {}): Promise<MatrixAnswer> {
    const { method } = one.rpc;
    const body = { ...more, ...namesFor(one, target) };
    return this.send('POST', `/${method.parent.typeName}/${method.name}`, headersFor(one, caller, target), body);
  }

  /** Answers, as Connect does with JSON, what a stream begins with: its first message, or what it is refused with. */
  async openStream(
    one: ServedStream,
    protocol: (typeof protocolsOfStreams)[number],
    caller: MatrixCaller,
    target: Target,
  ): Promise<MatrixAnswer> {
    const { method } = one.rpc;
    const request = fromJsonString(method.input, JSON.stringify(namesFor(one, target)));
    const controller = new AbortController();
    const headers = headersFor(one, caller, target);
    try {
      const { message } = await streamTransports[protocol](this.#origin).stream(
        method,
        controller.signal,
        undefined,
        headers,
        only(request),
      );
      for await (const _ of message) return { status: 200, text: '{}' };
      throw new Error(`${nameOfRpc(method)} ended with neither a message nor an error`);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      return answerOfError(error);
    } finally {
      controller.abort();
    }
  }

  /** @param more the members of the body, of a route that has one */
  sendRest(
    { one, route: { httpMethod, template, hasBody }, prefix }: RestRoute,
    caller: MatrixCaller,
    target: Target,
    more: JsonObject = {},
  ): Promise<MatrixAnswer> {
    const path = template.replaceAll(/\{(\w+)(?:=[^}]*)?\}/g, (_all, name: string) =>
      encodeURIComponent(name === 'workspace_id' ? spelling(one, target) : thing(one, target, name)),
    );
    return this.send(httpMethod, prefix + path, headersFor(one, caller, target), hasBody ? more : undefined);
  }

  async send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: JsonObject | undefined,
  ): Promise<MatrixAnswer> {
    const response = await fetch(this.#origin + path, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
      return { status: response.status, text: await response.text() };
    }
    // A stream may never end.
    await response.body?.cancel();
    return { status: response.status, text: '{}' };
  }
}

/** What a message says of the target. */
function namesFor(one: GuardedServed, target: Target): JsonObject {
  const named = thingsNamedBy(one).map((name) => [name, thing(one, target, name)]);
  const workspace = wayOfNaming(one) === 'field' && { workspace_id: spelling(one, target) };
  return { ...Object.fromEntries(named), ...workspace };
}

/** An error of any protocol, as Connect spells those of unary calls. */
function answerOfError({ code, rawMessage, details }: ConnectError): MatrixAnswer {
  const formatted = Code[code].replaceAll(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  const readable = details.map((detail) =>
    'type' in detail
      ? { type: detail.type, value: Buffer.from(detail.value).toString('base64').replaceAll('=', '') }
      : {},
  );
  return { status: 400, text: JSON.stringify({ code: formatted, message: rawMessage, details: readable }) };
}

async function* only<Message>(message: Message): AsyncGenerator<Message> {
  yield message;
}

/** MiniFlow takes one spelling of a workspace alone. */
function spelling({ dialect }: GuardedServed, { workspaceId }: Target): string {
  return dialect.name === 'miniflow' ? formatShortId('workspace', workspaceId) : workspaceId;
}

function headersFor(
  one: GuardedServed,
  { token }: MatrixCaller,
  { workspaceId }: Target,
): Readonly<Record<string, string>> {
  const { workspaceHeader } = one.dialect;
  return {
    'x-request-id': 'the-same',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(wayOfNaming(one) === 'header' && workspaceHeader !== undefined && { [workspaceHeader]: workspaceId }),
  };
}

/** The variables of paths that are numbers. */
const numbers: Readonly<Record<string, string>> = { version: '1' };

/** What a variable of a path holds; of those that the matrix does not know, what nothing has. */
function thing(one: GuardedServed, { things }: Target, name: string): string {
  const isUser = name === 'user_id' && one.rpc.access.kind !== 'workspace';
  return (
    (isUser ? undefined : things[name === 'id' ? 'credential_id' : name]) ??
    absentThings[name] ??
    numbers[name] ??
    'nothing'
  );
}
