import { fromJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import {
  EventService,
  WatchCredentialsResponseSchema,
  type CredentialEvent,
  type CredentialEvent_Kind,
  type WatchCredentialsResponse,
} from '../../gen/coffer/v1/event_service_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { parseObject, textOf } from './json.ts';

/** What is watched, and from where on. */
export interface WatchTarget {
  readonly origin: string;
  readonly token: string;
  readonly resumeToken?: string;
  readonly workspaceId?: string;
  readonly includeReveals?: boolean;
}

/** How a watch ended. */
export interface WatchEnd {
  readonly code: Code;
  readonly message: string;
  /** The reason in the `google.rpc.ErrorInfo`. */
  readonly reason: string;
}

/** A watch, whose messages are taken one by one. */
export interface Watch extends AsyncDisposable {
  next(): Promise<WatchCredentialsResponse>;
  /** The next change, without heartbeats. */
  nextEvent(): Promise<CredentialEvent>;
  /** Its kind and its credential. */
  nextChange(): Promise<readonly [CredentialEvent_Kind, string]>;
  /** The error that ends the watch, after whatever comes before. */
  end(): Promise<WatchEnd>;
}

/** Begins to watch over one protocol. */
export type BeginWatch = (target: WatchTarget) => Watch;

/** Every way in which clients watch. */
export const watchProtocols = {
  gRPC: overRpc((baseUrl) => createGrpcTransport({ baseUrl })),
  'gRPC-Web': overRpc((baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })),
  Connect: overRpc((baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false })),
  'server-sent events': (target: WatchTarget) => {
    const controller = new AbortController();
    return watchOf(readEvents(target, controller.signal), controller);
  },
} as const satisfies Record<string, BeginWatch>;

function overRpc(transport: (baseUrl: string) => Transport): BeginWatch {
  return ({ origin, token, resumeToken = '', workspaceId = 'default', includeReveals = false }) => {
    const controller = new AbortController();
    const headers = { authorization: `Bearer ${token}` };
    const request = { workspaceId, resumeToken, includeReveals };
    const client = createClient(EventService, transport(origin));
    const answers = client.watchCredentials(request, { headers, signal: controller.signal });
    return watchOf(answers[Symbol.asyncIterator](), controller);
  };
}

function watchOf(messages: AsyncIterator<WatchCredentialsResponse>, controller: AbortController): Watch {
  const next = async () => {
    const { done, value } = await messages.next();
    if (done === true) throw new Error('the watch ended without a reason');
    return value;
  };
  const nextEvent = async () => {
    for (;;) {
      const { event } = await next();
      if (event) return event;
    }
  };
  return {
    next,
    nextEvent,
    async nextChange() {
      const { kind, credentialId } = await nextEvent();
      return [kind, credentialId];
    },
    async end() {
      try {
        for (;;) await next();
      } catch (error) {
        const ended = ConnectError.from(error);
        const [info] = ended.findDetails(ErrorInfoSchema);
        const reason = info?.reason ?? String(ended.metadata.get('reason'));
        return { code: ended.code, message: ended.rawMessage, reason };
      }
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await messages.return?.().catch(() => undefined);
    },
  };
}

/** The path of the server-sent events of a workspace. */
export function watchPath(workspaceId = 'default'): string {
  return `/v1/workspaces/${workspaceId}/credentials:watch`;
}

async function* readEvents(
  { origin, token, resumeToken, workspaceId, includeReveals = false }: WatchTarget,
  signal: AbortSignal,
): AsyncGenerator<WatchCredentialsResponse> {
  const query = includeReveals ? '?include_reveals=true' : '';
  const headers = {
    authorization: `Bearer ${token}`,
    ...(resumeToken !== undefined && resumeToken !== '' && { 'last-event-id': resumeToken }),
  };
  const response = await fetch(origin + watchPath(workspaceId) + query, { headers, signal });
  if (!response.ok) throw errorOf(await response.text());
  for await (const block of blocksOf(response)) {
    const { event, data } = fieldsOf(block);
    if (data === undefined) continue;
    if (event === 'error') throw errorOf(data);
    yield fromJsonString(WatchCredentialsResponseSchema, data);
  }
}

/** The blocks of an event stream, as they arrive. */
export async function* blocksOf({ body }: Response): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop() ?? '';
    yield* blocks;
  }
}

/** The fields of an event. */
export function fieldsOf(block: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
}

function errorOf(json: string): ConnectError {
  const error = parseObject(json);
  const code = codeFromString(textOf(error, 'code')) ?? Code.Unknown;
  const { details } = error;
  const reason = Array.isArray(details) ? textOf(parseObject(JSON.stringify(details[0])), 'debug', 'reason') : '';
  return new ConnectError(textOf(error, 'message'), code, { reason });
}
