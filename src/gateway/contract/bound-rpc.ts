import { create, isMessage } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import type {
  DescMethod,
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import type { AnonymousCall, Call } from '../../vault/caller.ts';
import type { Permission } from '../../vault/permissions.ts';
import type { RequestClaim } from '../../vault/requests/ports.ts';

/** Who may make a call. */
export type Access =
  | {
      readonly kind: 'public';
      /** Whether it is answered while the vault is sealed. */
      readonly whileSealed?: boolean;
    }
  | { readonly kind: 'authenticated' }
  | {
      /** Owners of the instance. */
      readonly kind: 'owner';
      /** The permission that an owner needs, named in the refusal. */
      readonly permission: Permission;
    }
  | {
      /** Callers with the permission in the workspace. */
      readonly kind: 'workspace';
      readonly permission: Permission;
      /** A further permission that the request needs, if any. */
      readonly also?: (request: Message) => Permission | undefined;
      /** The workspace that the request names; undefined leaves it to the dialect's header, or to the caller's default. */
      readonly workspace: (request: Message) => string | undefined;
      /** The credential as the request names it, for the event of a denial; undefined if it names none. */
      readonly credential: (request: Message) => string | undefined;
      /** Whether a workspace that the caller has no role in is refused as one in which the role is too low, never as absent. */
      readonly deniesAbsentWorkspace: boolean;
      /** How many calls the request counts as for rate limits; 1 where absent. */
      readonly itemsOf?: (request: Message) => number;
    };

/** A call of an rpc with any access. */
export interface RpcCall extends AnonymousCall {
  /** Given unless the access is public. */
  readonly workspaceId?: string | undefined;
  /** Given if the call has a request id. */
  readonly keepAnswer?: KeepAnswer;
}

/** How the answer of a call with a request id is kept for repetitions. */
export interface KeepAnswer {
  readonly claim: RequestClaim;
  readonly serialize: (answer: Message) => Uint8Array;
}

/** How an rpc that changes something answers a repeated request. */
export interface Repetition {
  /** What its request ids belong to. */
  readonly scope: 'workspace' | 'instance';
  /**
   * Whether an earlier answer is looked for before the handler is called, because the handler would refuse what the first call has
   * changed. Otherwise it is looked for only if the id turns out to be taken.
   */
  readonly isLookedUpFirst: boolean;
  /** Completes an answer with what is not kept. */
  readonly restore?: (kept: Message, call: RpcCall) => Promise<Message>;
}

/** An rpc with its handler, without its message types, as the gateway calls it. */
export interface BoundRpc {
  readonly method: DescMethodUnary;
  readonly access: Access;
  /** Called after authentication, authorization and validation, with a caller and a workspace unless the access is public. */
  readonly invoke: (request: Message, call: RpcCall) => Promise<Message>;
  /**
   * For a list without pages: the answer in one or more parts, each with some of the elements. Other members count as the last part
   * has them.
   */
  readonly invokeInParts?: (request: Message, call: RpcCall) => AsyncIterable<Message>;
  /** Given if the rpc accepts request ids. */
  readonly repetition?: Repetition;
}

/** An rpc that answers with a stream of messages until the signal of its call is aborted. */
export interface BoundStream {
  readonly method: DescMethodServerStreaming;
  readonly access: Access;
  /** As that of a `BoundRpc`. */
  readonly invoke: (request: Message, call: RpcCall) => AsyncIterable<Message>;
  /** The fields of a server-sent event beside its data, the JSON of the message. */
  readonly describeEvent: (message: Message) => EventDescription;
}

/** A server-sent event without its data. */
export interface EventDescription {
  /** Where the stream may be resumed; clients send it back as `Last-Event-ID`. */
  readonly id?: string;
  /** Its kind; `error` is reserved. */
  readonly event?: string;
}

/** Whether an rpc answers with a stream. */
export function isStream(rpc: BoundRpc | BoundStream): rpc is BoundStream {
  return 'describeEvent' in rpc;
}

/** What the checks before a call need of its rpc. */
export type GuardedRpc = Pick<BoundRpc | BoundStream, 'method' | 'access'>;

type Handler<I extends DescMessage, O extends DescMessage, C> = (
  request: MessageShape<I>,
  call: C,
) => Promise<MessageInitShape<O>>;

/** Binds an rpc without authentication. @param options whether it is answered while the vault is sealed; by default it is not */
export function publicRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: Handler<I, O, AnonymousCall>,
  { whileSealed = false }: { readonly whileSealed?: boolean } = {},
): BoundRpc {
  return {
    method,
    access: { kind: 'public', ...(whileSealed && { whileSealed }) },
    invoke: async (request, call) => create(method.output, await handler(narrow(method.input, request), call)),
  };
}

/** Binds an rpc for every authenticated caller; the vault decides the rest. */
export function authenticatedRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: Handler<I, O, Call>,
): BoundRpc {
  return bind(method, { kind: 'authenticated' }, handler);
}

/** Binds an rpc for owners of the instance. */
export function ownerRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  { permission }: { readonly permission: Permission },
  handler: Handler<I, O, Call>,
): BoundRpc {
  return bind(method, { kind: 'owner', permission }, handler);
}

/** What an rpc in a workspace requires. */
export interface WorkspaceRpcAccess<I extends DescMessage> {
  readonly permission: Permission;
  readonly also?: (request: MessageShape<I>) => Permission | undefined;
  readonly workspace?: (request: MessageShape<I>) => string;
  /** Needed if another field than `credential_id` names the credential. */
  readonly credential?: (request: MessageShape<I>) => string | undefined;
  /** For rpcs whose clients take "not found" for the deletion of what they ask for; see `Access`. */
  readonly deniesAbsentWorkspace?: boolean;
  /** How many calls the request counts as for rate limits; 1 where absent. */
  readonly itemsOf?: (request: MessageShape<I>) => number;
}

/** Binds an rpc for callers with a permission in the workspace that the request, the dialect or the caller names. */
export function workspaceRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  access: WorkspaceRpcAccess<I>,
  handler: Handler<I, O, Call>,
): BoundRpc {
  return bind(method, workspaceAccess(method.input, access), handler);
}

/** What an rpc in a workspace requires, without its message type. */
export function workspaceAccess<I extends DescMessage>(
  input: I,
  { permission, also, workspace, credential, deniesAbsentWorkspace = false, itemsOf }: WorkspaceRpcAccess<I>,
): Access {
  return {
    kind: 'workspace',
    permission,
    ...(also && { also: (request: Message) => also(narrow(input, request)) }),
    workspace: (request) => workspace?.(narrow(input, request)),
    credential: credential ? (request) => credential(narrow(input, request)) : credentialIdOf(input),
    deniesAbsentWorkspace,
    ...(itemsOf && { itemsOf: (request: Message) => itemsOf(narrow(input, request)) }),
  };
}

/** Reads the field by which requests of all dialects name a credential. */
function credentialIdOf(input: DescMessage): (request: Message) => string | undefined {
  const field = input.fields.find(({ name }) => name === 'credential_id');
  return (request) => {
    const id: unknown = field && reflect(input, request).get(field);
    return typeof id === 'string' ? id : undefined;
  };
}

/** A list without pages. If it may be sent in parts, it is read only as fast as its client takes it. */
export interface WholeList<I extends DescMessage, O extends DescMessage, Item> {
  /** At least one chunk, in the order of the list. */
  readonly chunks: (request: MessageShape<I>, call: Call) => AsyncIterable<readonly Item[]>;
  /** @param count of all items so far */
  readonly answer: (items: readonly Item[], call: Call, count: number) => MessageInitShape<O>;
}

/** Binds an rpc that lists without pages, with the access of `workspaceRpc`. */
export function workspaceListRpc<I extends DescMessage, O extends DescMessage, Item>(
  method: DescMethodUnary<I, O>,
  access: WorkspaceRpcAccess<I>,
  { chunks, answer }: WholeList<I, O, Item>,
): BoundRpc {
  const rpc = workspaceRpc(method, access, async (request, call) => {
    const items: Item[] = [];
    for await (const chunk of chunks(request, call)) for (const item of chunk) items.push(item);
    return answer(items, call, items.length);
  });
  return {
    ...rpc,
    async *invokeInParts(request, rpcCall) {
      const call = requireCaller(rpcCall);
      let count = 0;
      for await (const chunk of chunks(narrow(method.input, request), call)) {
        count += chunk.length;
        yield create(method.output, answer(chunk, call, count));
      }
    },
  };
}

/** How a stream is answered. */
export interface StreamHandler<I extends DescMessage, O extends DescMessage> {
  readonly answer: (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>;
  readonly describeEvent?: (message: MessageShape<O>) => EventDescription;
}

/** Binds a stream for owners of the instance. */
export function ownerStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  { permission }: { readonly permission: Permission },
  handler: StreamHandler<I, O>,
): BoundStream {
  return bindStream(method, { kind: 'owner', permission }, handler);
}

/** Binds a stream with the access of `workspaceRpc`. */
export function workspaceStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  access: WorkspaceRpcAccess<I>,
  answer: StreamHandler<I, O>['answer'],
  describeEvent?: (message: MessageShape<O>) => EventDescription,
): BoundStream {
  return bindStream(method, workspaceAccess(method.input, access), { answer, ...(describeEvent && { describeEvent }) });
}

function bindStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  access: Access,
  { answer, describeEvent }: StreamHandler<I, O>,
): BoundStream {
  return {
    method,
    access,
    async *invoke(request, call) {
      for await (const message of answer(narrow(method.input, request), requireCaller(call))) {
        yield create(method.output, message);
      }
    },
    describeEvent: (message) => describeEvent?.(narrow(method.output, message)) ?? {},
  };
}

function bind<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  access: Access,
  handler: Handler<I, O, Call>,
): BoundRpc {
  return {
    method,
    access,
    invoke: async (request, call) =>
      create(method.output, await handler(narrow(method.input, request), requireCaller(call))),
  };
}

/** The request or the answer with its type. */
export function narrow<I extends DescMessage>(schema: I, request: Message): MessageShape<I> {
  assert(isMessage(request, schema));
  return request;
}

/** The call of an rpc that only authenticated callers may make. */
export function requireCaller(call: RpcCall): Call {
  const { caller, workspaceId } = call;
  assert(caller !== undefined && workspaceId !== undefined);
  return { ...call, caller, workspaceId };
}

/** The credential as a request names it; undefined if it names none. */
export function namedCredential({ access }: GuardedRpc, request: Message): string | undefined {
  return (access.kind === 'workspace' && access.credential(request)) || undefined;
}

/** The name of an rpc in labels and exchanges: `coffer.v1.CredentialService/GetCredential`. */
export function nameOfRpc({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
