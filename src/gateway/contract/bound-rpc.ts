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

/**
 * Who may make a call: anybody, whoever has proved who he is, owners of the instance, or whoever has the permission in the
 * workspace.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'authenticated' }
  | {
      readonly kind: 'owner';
      /** What an owner is let do by it; names it in the refusal. */
      readonly permission: Permission;
    }
  | {
      readonly kind: 'workspace';
      readonly permission: Permission;
      /** What the request names; undefined leaves it to the dialect's header, or to the caller's default. */
      readonly workspace: (request: Message) => string | undefined;
      /** The credential that the request names, as it names it, for the event of a denial; undefined where it names none. */
      readonly credential: (request: Message) => string | undefined;
    };

/** A call as an rpc gets it, whatever its access is. */
export interface RpcCall extends AnonymousCall {
  /** Given unless the access is public. */
  readonly workspaceId?: string | undefined;
}

/** One rpc with its handler, its message types erased, as the gateway calls it. */
export interface BoundRpc {
  readonly method: DescMethodUnary;
  readonly access: Access;
  /** Called after authentication, authorization and validation. A caller and a workspace are given unless the access is public. */
  readonly invoke: (request: Message, call: RpcCall) => Promise<Message>;
  /**
   * Of a list without pages: the answer in parts, at least one, each with some of the elements; what else a message holds is
   * good as the last part has it.
   */
  readonly invokeInParts?: (request: Message, call: RpcCall) => AsyncIterable<Message>;
}

/** One rpc that answers with several messages, one after the other, as long as its call's signal is not aborted. */
export interface BoundStream {
  readonly method: DescMethodServerStreaming;
  readonly access: Access;
  /** As that of a `BoundRpc`. */
  readonly invoke: (request: Message, call: RpcCall) => AsyncIterable<Message>;
  /** What server-sent events say of a message beside its JSON. */
  readonly describeEvent: (message: Message) => EventDescription;
}

/** A server-sent event without its data. */
export interface EventDescription {
  /** Where the stream may be resumed, as `Last-Event-ID` sends it back. */
  readonly id?: string;
  /** Its kind; `error` is taken. */
  readonly event?: string;
}

/** Whether an rpc answers with a stream. */
export function isStream(rpc: BoundRpc | BoundStream): rpc is BoundStream {
  return 'describeEvent' in rpc;
}

/** What is asked of an rpc before it is called. */
export type GuardedRpc = Pick<BoundRpc | BoundStream, 'method' | 'access'>;

type Handler<I extends DescMessage, O extends DescMessage, C> = (
  request: MessageShape<I>,
  call: C,
) => Promise<MessageInitShape<O>>;

/** Binds an rpc that anybody may call. */
export function publicRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: Handler<I, O, AnonymousCall>,
): BoundRpc {
  return {
    method,
    access: { kind: 'public' },
    invoke: async (request, call) => create(method.output, await handler(narrow(method.input, request), call)),
  };
}

/** Binds an rpc for whoever has proved who he is; the core decides the rest. */
export function authenticatedRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: Handler<I, O, Call>,
): BoundRpc {
  return bind(method, { kind: 'authenticated' }, handler);
}

/** Binds an rpc for owners of the instance. */
export function ownerRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  access: { readonly permission: Permission },
  handler: Handler<I, O, Call>,
): BoundRpc {
  return bind(method, { kind: 'owner', permission: access.permission }, handler);
}

/** What an rpc in a workspace takes. */
export interface WorkspaceRpcAccess<I extends DescMessage> {
  readonly permission: Permission;
  readonly workspace?: (request: MessageShape<I>) => string;
  /** Needed where another field than `credential_id` names the credential. */
  readonly credential?: (request: MessageShape<I>) => string | undefined;
}

/** Binds an rpc for whoever has a permission in the workspace that the request, the dialect or the caller names. */
export function workspaceRpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  { permission, workspace, credential }: WorkspaceRpcAccess<I>,
  handler: Handler<I, O, Call>,
): BoundRpc {
  const { input } = method;
  const access = {
    kind: 'workspace',
    permission,
    workspace: (request: Message) => workspace?.(narrow(input, request)),
    credential: credential ? (request: Message) => credential(narrow(input, request)) : credentialIdOf(input),
  } as const;
  return bind(method, access, handler);
}

/** A list without pages: where it may be sent in parts, it is read as its client takes it. */
export interface WholeList<I extends DescMessage, O extends DescMessage, Item> {
  /** At least one chunk, in the order of the list. */
  readonly chunks: (request: MessageShape<I>, call: Call) => AsyncIterable<readonly Item[]>;
  /** @param count of all items so far */
  readonly answer: (items: readonly Item[], call: Call, count: number) => MessageInitShape<O>;
}

/** Binds an rpc that lists without pages, as `workspaceRpc` binds others. */
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

/** Reads the field by which requests of all dialects name a credential. */
function credentialIdOf(input: DescMessage): (request: Message) => string | undefined {
  const field = input.fields.find(({ name }) => name === 'credential_id');
  return (request) => {
    const id: unknown = field && reflect(input, request).get(field);
    return typeof id === 'string' ? id : undefined;
  };
}

/** Binds a stream for owners of the instance. */
export function ownerStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  access: { readonly permission: Permission },
  { answer, describeEvent }: StreamHandler<I, O>,
): BoundStream {
  return bindStream(method, { kind: 'owner', permission: access.permission }, answer, describeEvent);
}

/** How a stream is answered. */
export interface StreamHandler<I extends DescMessage, O extends DescMessage> {
  readonly answer: (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>;
  readonly describeEvent?: (message: MessageShape<O>) => EventDescription;
}

/** Binds a stream as `workspaceRpc` binds an rpc. */
export function workspaceStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  access: { readonly permission: Permission; readonly workspace: (request: MessageShape<I>) => string },
  handler: StreamHandler<I, O>['answer'],
): BoundStream {
  const { permission, workspace } = access;
  const ofWorkspace = {
    kind: 'workspace',
    permission,
    workspace: (request: Message) => workspace(narrow(method.input, request)),
    credential: credentialIdOf(method.input),
  } as const;
  return bindStream(method, ofWorkspace, handler, undefined);
}

function bindStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  access: Access,
  handler: StreamHandler<I, O>['answer'],
  describeEvent: StreamHandler<I, O>['describeEvent'],
): BoundStream {
  return {
    method,
    access,
    async *invoke(request, call) {
      for await (const answer of handler(narrow(method.input, request), requireCaller(call))) {
        yield create(method.output, answer);
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

function narrow<I extends DescMessage>(schema: I, request: Message): MessageShape<I> {
  assert(isMessage(request, schema));
  return request;
}

function requireCaller(call: RpcCall): Call {
  const { caller, workspaceId } = call;
  assert(caller !== undefined && workspaceId !== undefined);
  return { ...call, caller, workspaceId };
}

/** The credential that a request names, as it names it; undefined where it names none. */
export function namedCredential({ access }: GuardedRpc, request: Message): string | undefined {
  return (access.kind === 'workspace' && access.credential(request)) || undefined;
}

/** As the labels and `Exchange` name an rpc: `coffer.v1.CredentialService/GetCredential`. */
export function nameOfRpc({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
