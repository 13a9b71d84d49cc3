import type { DescMessage } from '@bufbuild/protobuf';
import type { JsonValue } from '../../src/vault/json.ts';
import { frameMessage } from '../../src/gateway/rpc/grpc-message.ts';
import { allBoundRpcs, allBoundStreams, nameOfRpc, type GuardedServed } from '../support/bound-rpcs.ts';
import { allRoutes, type DocumentedRoute, sealsVault } from '../support/routes.ts';
import type { HostileRequest } from './senders.ts';
import type { KnownValues } from './valid-message.ts';

/** A way to call an rpc, whose requests are still to be filled in. */
export interface Endpoint {
  readonly title: string;
  readonly one: GuardedServed;
  /** What its body is a message of; undefined where it takes none. */
  readonly message: DescMessage | undefined;
  readonly format: 'json' | 'binary';
  /** Whether a query of it is read. */
  readonly isRest: boolean;
  /** The parameters that a query of it may have. */
  readonly parameters: readonly string[];
  /** How many segments of its path are variables. */
  readonly variables: readonly string[];
  readonly request: (parts: RequestParts) => HostileRequest;
}

/** What stands in a request; what is left out is as in an ordinary one. */
export interface RequestParts {
  readonly known: KnownValues;
  readonly token?: string | undefined;
  readonly query?: string;
  /** In the place of a variable of the path, as it is sent. */
  readonly segment?: readonly [variable: string, text: string];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Every route below its mount prefix, and every rpc by every protocol, but for Seal: whatever is added to the protos is among them. */
export async function allEndpoints(): Promise<readonly Endpoint[]> {
  const all: readonly GuardedServed[] = [...allBoundRpcs(), ...allBoundStreams()];
  const rpcs = all.filter(({ rpc }) => !sealsVault(rpc.method));
  const routes = (await allRoutes()).filter(({ method }) => !sealsVault(method));
  const ofRoutes = routes.map((route) => {
    const one = rpcs.find(({ rpc }) => nameOfRpc(rpc.method) === nameOfRpc(route.method));
    if (!one) throw new Error(`${nameOfRpc(route.method)} is not served`);
    return endpointOfRoute(one, route);
  });
  return [...ofRoutes, ...rpcs.flatMap((one) => protocols.map((protocol) => endpointOfRpc(one, protocol)))];
}

function endpointOfRoute(one: GuardedServed, route: DocumentedRoute): Endpoint {
  const { httpMethod, template, body, method } = route;
  const field = method.input.fields.find(({ name }) => name === body);
  const variables = Array.from(template.matchAll(variablePattern), ([, name = '']) => name);
  const isInPath = (name: string): boolean => variables.includes(name);
  return {
    title: `${httpMethod} ${template} (${nameOfRpc(method)})`,
    one,
    message: body === '*' ? method.input : field?.message,
    format: 'json',
    isRest: true,
    parameters: body === '*' ? [] : method.input.fields.map(({ name }) => name).filter((name) => !isInPath(name)),
    variables,
    request({ known, token, query, segment, headers, body: sent }) {
      const path = template.replaceAll(variablePattern, (_all, name: string) =>
        segment?.[0] === name ? segment[1] : encodeURIComponent(textOrX(known[name])),
      );
      return {
        method: httpMethod,
        path: `/${one.dialect.name}${path}${query === undefined ? '' : `?${query}`}`,
        headers: headersOf(token, sent === undefined ? undefined : 'application/json', headers),
        ...(sent !== undefined && { body: sent }),
      };
    },
  };
}

function textOrX(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : 'x';
}

const variablePattern = /\{(\w+)(?:=[^}]*)?\}/g;

/** A stream that is not refused ends by its deadline. */
const deadlines = { 'grpc-timeout': '50m', 'connect-timeout-ms': '50' } as const;

interface Protocol {
  readonly name: string;
  readonly format: 'json' | 'binary';
  readonly contentType: string;
  readonly isFramed: boolean;
}

const protocols: readonly Protocol[] = [
  { name: 'Connect with JSON', format: 'json', contentType: 'application/json', isFramed: false },
  { name: 'Connect with protobuf', format: 'binary', contentType: 'application/proto', isFramed: false },
  { name: 'gRPC', format: 'binary', contentType: 'application/grpc', isFramed: true },
  { name: 'gRPC-Web', format: 'binary', contentType: 'application/grpc-web+proto', isFramed: true },
];

function endpointOfRpc(one: GuardedServed, protocol: Protocol): Endpoint {
  const { method } = one.rpc;
  const isStream = method.methodKind !== 'unary';
  const isConnectStream = isStream && !protocol.isFramed;
  const contentType = isConnectStream ? protocol.contentType.replace('/', '/connect+') : protocol.contentType;
  return {
    title: `${nameOfRpc(method)} over ${protocol.name}`,
    one,
    message: method.input,
    format: protocol.format,
    isRest: false,
    parameters: [],
    variables: [],
    request({ token, query, headers, body = '' }) {
      const message = protocol.isFramed || isConnectStream ? frameMessage(Buffer.from(body)) : body;
      return {
        method: 'POST',
        path: `/${method.parent.typeName}/${method.name}${query === undefined ? '' : `?${query}`}`,
        headers: headersOf(token, contentType, { ...(isStream && deadlines), ...headers }),
        body: message,
      };
    },
  };
}

function headersOf(
  token: string | undefined,
  contentType: string | undefined,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(contentType !== undefined && { 'content-type': contentType }),
    ...more,
  };
}
