import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { pino } from 'pino';
import { Writable } from 'node:stream';
import type { Dialect, Problem, RestExchange, RestStyle } from '../../src/gateway/contract/dialect.ts';
import { buildGateway, type Gateway, type GatewayOptions } from '../../src/gateway/gateway.ts';
import type { Readiness } from '../../src/gateway/system/readiness.ts';
import {
  authenticatedRpc,
  publicRpc,
  workspaceListRpc,
  workspaceRpc,
  workspaceStream,
} from '../../src/gateway/contract/bound-rpc.ts';
import type { AnonymousCall, Caller } from '../../src/vault/caller.ts';
import { VaultError } from '../../src/vault/errors.ts';
import { BookSchema, LibraryService } from './gen/example/v1/example_pb.ts';

export const workspaceId = '018cc251-f400-7000-8000-000000000001';
export const otherWorkspaceId = '018cc251-f400-7000-8000-000000000002';
export const secretText = 'TOP-SECRET';

/** What the handlers of a library were called with. */
export interface Library {
  readonly calls: { readonly rpc: string; readonly call: Omit<AnonymousCall, 'isLocal'>; readonly request: unknown }[];
  readonly dialect: Dialect;
  /** Resolves when the next call of Wait has begun. */
  nextWait(): Promise<AbortSignal>;
  /** Lets all waiting calls go on. */
  release(): void;
}

const nativeRest: RestStyle = {
  json: { names: 'proto', unset: 'omit', int64: 'string', timestamp: 'rfc3339' },
  unknownMembers: 'ignore',
  successStatus: { CreateBook: 201 },
  renderProblem,
  headers: { LendBook: { 'x-lent': 'yes' } },
  fieldsByHeader: { 'x-door': 'door' },
};

/** Every code has a status of its own, to be told apart in tests. */
function renderProblem(problem: Problem, exchange: RestExchange) {
  const statuses: Record<string, number> = {
    token_missing: 401,
    token_invalid: 401,
    workspace_denied: 403,
    permission_denied: 403,
    not_found: 404,
    deadline_exceeded: 504,
    unavailable: 503,
    invalid_request: 422,
    malformed_json: 422,
    unstorable_json: 422,
    body_missing: 422,
    body_not_object: 422,
    body_too_large: 413,
    route_not_found: 404,
    method_not_allowed: 405,
    internal: 500,
  };
  const code = problem.kind === 'vault' ? problem.error.code : problem.kind;
  const { kind, ...rest } = problem;
  return {
    status: statuses[code] ?? 400,
    ...(problem.kind === 'method_not_allowed' && { headers: { allow: problem.allow.join(', ') } }),
    body: JSON.parse(
      JSON.stringify({
        kind,
        code,
        method: exchange.method?.name,
        ...(problem.kind === 'vault' ? { message: problem.error.message } : rest),
      }),
    ),
  };
}

function book(fields: MessageInitShape<typeof BookSchema>) {
  return create(BookSchema, { id: 'B1', ...fields });
}

/** @param listed the ids that ListBooks answers, chunk by chunk */
export function createLibrary(
  style: Partial<RestStyle> = {},
  name = 'library',
  listed: AsyncIterable<readonly string[]> | Iterable<readonly string[]> = [['B1', 'B2']],
): Library {
  const calls: Library['calls'] = [];
  const waiting = new Set<() => void>();
  let wait = Promise.withResolvers<AbortSignal>();
  const shelf = { permission: 'credentials.read' as const, workspace: (request: { shelf: string }) => request.shelf };
  const writing = { ...shelf, permission: 'credentials.write' as const };
  const record = (rpc: string, request: unknown, call: Omit<AnonymousCall, 'isLocal'>) =>
    calls.push({ rpc, request, call });
  const { method } = LibraryService;
  const dialect: Dialect = {
    name,
    workspaceHeader: 'x-shelf',
    rest: { ...nativeRest, ...style },
    streams: [
      workspaceStream(method.followShelf, shelf, async function* (request, call) {
        record('FollowShelf', request, call);
        yield book({ shelf: request.shelf, title: 'the first' });
        // It does not listen to the call's end.
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
          wait.resolve(call.signal);
        });
        yield book({ shelf: request.shelf, title: 'the last' });
      }),
    ],
    rpcs: [
      workspaceRpc(method.createBook, writing, async (request, call) => {
        record('CreateBook', request, call);
        if (request.title === 'boom') throw new Error(`bug with ${request.text}`);
        const { shelf: on, title, genre, tags, labels, details } = request;
        return book({ shelf: on, title, genre, tags, labels, copies: request.copies, ...(details && { details }) });
      }),
      workspaceRpc(method.getBook, shelf, async (request, call) => {
        record('GetBook', request, call);
        if (request.id === 'none')
          throw new VaultError('not_found', 'book not found', { resource: 'book', id: 'none' });
        return book({ id: request.id, shelf: request.shelf, title: request.name });
      }),
      workspaceRpc(method.readBook, shelf, async (request, call) => {
        record('ReadBook', request, call);
        return book({ title: `text of ${request.name}` });
      }),
      workspaceListRpc(method.listBooks, shelf, {
        async *chunks(request, call) {
          record('ListBooks', request, call);
          for await (const ids of listed) yield ids.map((id) => book({ id }));
        },
        answer: (books) => ({ books: [...books] }),
      }),
      workspaceRpc(method.updateBook, writing, async (request, call) => {
        record('UpdateBook', request, call);
        return request.book ?? {};
      }),
      workspaceRpc(method.lendBook, writing, async (request, call) => {
        record('LendBook', request, call);
        return { id: request.id, caller: call.caller.name };
      }),
      workspaceRpc(method.lendBooks, writing, async (request, call) => {
        record('LendBooks', request, call);
        return { id: request.ids.join('+') };
      }),
      publicRpc(method.getStatus, async (request, call) => {
        record('GetStatus', request, call);
        return { open: true, caller: call.caller?.name ?? '', local: call.isLocal };
      }),
      authenticatedRpc(method.wait, async (request, call) => {
        record('Wait', request, call);
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
          wait.resolve(call.signal);
        });
        return { id: request.id };
      }),
      authenticatedRpc(method.whisper, async (request, call) => {
        record('Whisper', request, call);
        return { text: request.text };
      }),
    ],
  };
  return {
    calls,
    dialect,
    nextWait() {
      wait = Promise.withResolvers();
      return wait.promise;
    },
    release() {
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
  };
}

/** An editor of one workspace, whose token is `editor`, and a viewer of it, whose token is `viewer`. */
export function callers(): Record<string, Caller> {
  const base = {
    kind: 'api_key' as const,
    id: 'K1',
    userId: 'U1',
    authentication: 'api_key' as const,
    sessionId: null,
    expiresAt: null,
    isOwner: false,
    defaultWorkspaceId: workspaceId,
    dialect: null,
  };
  return {
    editor: { ...base, name: 'editor', grants: [{ workspaceId, role: 'EDITOR', mayReveal: true }] },
    viewer: { ...base, name: 'viewer', grants: [{ workspaceId, role: 'VIEWER', mayReveal: false }] },
  };
}

/** A readiness that a test turns. */
export function turnableReadiness(): Readiness & {
  turn(trouble: string | undefined): void;
  readonly listenerCount: number;
} {
  const listeners = new Set<() => void>();
  let trouble: string | undefined;
  return {
    notReadyReason: () => trouble,
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    turn(next) {
      trouble = next;
      for (const listener of listeners) listener();
    },
    get listenerCount() {
      return listeners.size;
    },
  };
}

/** A gateway that listens on a free port, with what it logged. */
export interface RunningGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly library: Library;
  readonly port: number;
  readonly origin: string;
  readonly lines: JsonObject[];
  /** Resolves with the next line that is logged and fits. */
  nextLine(fits: (line: JsonObject) => boolean): Promise<JsonObject>;
}

export async function startGateway(
  options: Partial<GatewayOptions> & { library?: Library } = {},
): Promise<RunningGateway> {
  const library = options.library ?? createLibrary();
  const lines: JsonObject[] = [];
  const watchers = new Set<(line: JsonObject) => void>();
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const line: JsonObject = JSON.parse(chunk.toString());
      lines.push(line);
      for (const watcher of watchers) watcher(line);
      done();
    },
  });
  const known = callers();
  const gateway = await buildGateway({
    dialects: [library.dialect],
    denials: { recordDenied: async () => undefined, countUnauthenticated: () => undefined },
    chooseDialect: (candidates) => candidates[0],
    authenticate: async (headers) => {
      const token = headers.get('authorization')?.replace('Bearer ', '');
      if (token === undefined) return undefined;
      const caller = known[token];
      if (!caller) throw new VaultError('token_invalid', 'Invalid token');
      return caller;
    },
    readiness: turnableReadiness(),
    clock: { now: () => new Date('2024-01-01T00:00:00Z') },
    log: pino({ level: 'info', base: null }, stream),
    host: '127.0.0.1',
    port: 0,
    ...options,
  });
  const { port } = await gateway.listen();
  return {
    gateway,
    library,
    port,
    lines,
    origin: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    nextLine: (fits) =>
      new Promise((resolve) => {
        const watcher = (line: JsonObject): void => {
          if (!fits(line)) return;
          watchers.delete(watcher);
          resolve(line);
        };
        watchers.add(watcher);
      }),
    async [Symbol.asyncDispose]() {
      library.release();
      await gateway.close(0);
    },
  };
}
