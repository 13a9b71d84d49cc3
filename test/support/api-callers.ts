import {
  fromJsonString,
  toJson,
  type DescField,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
} from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { readEvents, type PrintedCall } from './api-page.ts';
import { parseObject } from './json.ts';
import type { DocumentedRoute } from './routes.ts';

/** What a server answers: a status with one JSON value, or the first messages of a stream. */
export interface ApiAnswer {
  /** As in REST. */
  readonly status: number;
  readonly messages: readonly StreamedMessage[];
}

/** One message; those of unary calls have neither name nor id. */
export interface StreamedMessage {
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  readonly json: JsonValue;
}

/** A printed call with its route, and its samples replaced. */
export interface RoutedCall extends Pick<PrintedCall, 'httpMethod' | 'target' | 'body' | 'headers'> {
  readonly route: DocumentedRoute;
  readonly token: string;
  /** Whether enough messages of a stream have arrived. */
  readonly hasEnough: (messages: readonly StreamedMessage[]) => boolean;
}

/** Makes printed calls in one protocol. */
export type ApiCaller = (origin: string, call: RoutedCall) => Promise<ApiAnswer>;

/** Makes a call as curl does. */
export const callByRest: ApiCaller = async (origin, { httpMethod, target, body, headers, token, hasEnough }) => {
  const controller = new AbortController();
  const response = await fetch(origin + target, {
    method: httpMethod,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body }),
    signal: controller.signal,
  });
  const { status } = response;
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    return { status, messages: [{ json: parseObject(await response.text()) }] };
  }
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const complete = text.slice(0, text.lastIndexOf('\n\n') + 2);
    const messages = readEvents(complete).map(({ id, event, data }) => ({ id, event, json: parseObject(data) }));
    if (!hasEnough(messages)) continue;
    controller.abort();
    return { status, messages };
  }
  throw new Error(`the stream has ended early: ${text}`);
};

/** Makes the same call over gRPC: path, query and body make one message, and `If-Match` is its etag. */
export const callByGrpc: ApiCaller = async (origin, call) => {
  const transport = createGrpcTransport({ baseUrl: origin });
  const { 'if-match': _etag, ...metadata } = call.headers;
  const headers = { authorization: `Bearer ${call.token}`, ...metadata };
  const message = JSON.stringify(messageOf(call));
  try {
    const messages = await receive(transport, call, { headers, message });
    return { status: 200, messages: messages.map((json) => ({ json })) };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return refusalOf(error);
  }
};

async function receive(
  transport: Transport,
  { route: { method }, hasEnough }: RoutedCall,
  { headers, message }: { readonly headers: Record<string, string>; readonly message: string },
): Promise<readonly JsonValue[]> {
  const request = fromJsonString(method.input, message);
  if (isUnary(method)) {
    const { message: answer } = await transport.unary(method, undefined, undefined, headers, request);
    return [toJson(method.output, answer, writing)];
  }
  const controller = new AbortController();
  const received: JsonValue[] = [];
  if (!isStreaming(method)) throw new Error(`${method.name} takes a stream`);
  const { message: answers } = await transport.stream(method, controller.signal, undefined, headers, only(request));
  for await (const answer of answers) {
    received.push(toJson(method.output, answer, writing));
    if (!hasEnough(received.map((json) => ({ json })))) continue;
    controller.abort();
    return received;
  }
  throw new Error('the stream has ended early');
}

/** As native REST writes messages. */
const writing = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function isStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === 'server_streaming';
}

async function* only<Message>(message: Message): AsyncGenerator<Message> {
  yield message;
}

/** The message of a REST call, by `google.api.http`. */
function messageOf({ route, target, body, headers }: RoutedCall): JsonObject {
  const url = new URL(target, 'http://localhost');
  const sent = body === undefined ? {} : parseObject(body);
  const fields = new Map(route.method.input.fields.map((field) => [field.name, field]));
  const message: Record<string, JsonValue> = {
    ...(route.body === '*' || route.body === '' ? sent : { [route.body]: sent }),
    ...variablesOf(route.template, url.pathname),
  };
  for (const name of new Set(url.searchParams.keys())) {
    const field = fields.get(name);
    if (!field) throw new Error(`${route.method.name} has no field ${name}`);
    message[name] = parameterOf(field, url.searchParams.getAll(name));
  }
  const etag = headers['if-match'];
  return etag === undefined ? message : { ...message, etag };
}

function parameterOf(field: DescField, values: readonly string[]): JsonValue {
  if (field.fieldKind === 'list') return [...values];
  const [value = ''] = values;
  if (field.message?.typeName === FieldMaskSchema.typeName) {
    return value.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  }
  return value === 'true' || value === 'false' ? value === 'true' : value;
}

/** The values of a path's variables, by their names; the path must be one of the template. */
export function variablesOf(template: string, path: string): Readonly<Record<string, string>> | undefined {
  const names = Array.from(template.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '([^/:]+)')}$`);
  const values = pattern.exec(path)?.slice(1);
  return values && Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(values[index] ?? '')]));
}

/** A refusal of gRPC as native REST writes it. */
function refusalOf(error: ConnectError): ApiAnswer {
  const code = Code[error.code].replaceAll(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  const details = error.findDetails(ErrorInfoSchema).map(({ reason, domain, metadata }) => ({
    type: ErrorInfoSchema.typeName,
    value: '',
    debug: { reason, domain, metadata },
  }));
  const json = { code, message: error.rawMessage, details };
  return { status: statuses[code] ?? 0, messages: [{ json: isJsonObject(json) ? json : {} }] };
}

/** Of the codes that the page shows. */
const statuses: Readonly<Record<string, number>> = {
  invalid_argument: 400,
  failed_precondition: 400,
  out_of_range: 400,
  permission_denied: 403,
  not_found: 404,
  aborted: 409,
  already_exists: 409,
  resource_exhausted: 429,
};
