import { create } from '@bufbuild/protobuf';
import type { DescMessage, DescMethodUnary, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { isVisible, type Call } from '../../vault/caller.ts';
import type { Permission } from '../../vault/permissions.ts';
import type { MutationCall } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import {
  narrow,
  requireCaller,
  workspaceAccess,
  type Access,
  type BoundRpc,
  type KeepAnswer,
  type RpcCall,
  type WorkspaceRpcAccess,
} from './bound-rpc.ts';

/** The handler of an rpc that changes something, in two steps, so that the answer is kept in the transaction of the change. */
export interface MutationHandler<I extends DescMessage, O extends DescMessage, Result> {
  /** Synchronous; may be called several times. */
  readonly answer: (result: Result, request: MessageShape<I>, call: Call) => MessageInitShape<O>;
  readonly run: (request: MessageShape<I>, call: MutationCall<Result>) => Promise<Result>;
  /** See `Repetition`. */
  readonly isLookedUpFirst?: boolean;
  /** What of the answer is kept under a request id, if not all. */
  readonly keep?: (answer: MessageShape<O>, result: Result) => MessageInitShape<O>;
  /** Completes an answer that `keep` has reduced. */
  readonly restore?: (kept: MessageShape<O>, call: Call) => Promise<MessageInitShape<O>>;
}

/** Binds an rpc that changes something in a workspace, with the access of `workspaceRpc`. It accepts request ids. */
export function workspaceMutation<I extends DescMessage, O extends DescMessage, Result>(
  method: DescMethodUnary<I, O>,
  access: WorkspaceRpcAccess<I>,
  handler: MutationHandler<I, O, Result>,
): BoundRpc {
  return bindMutation(method, workspaceAccess(method.input, access), handler);
}

/** Binds an rpc by which owners change the instance. It accepts request ids. */
export function ownerMutation<I extends DescMessage, O extends DescMessage, Result>(
  method: DescMethodUnary<I, O>,
  { permission }: { readonly permission: Permission },
  handler: MutationHandler<I, O, Result>,
): BoundRpc {
  return bindMutation(method, { kind: 'owner', permission }, { isLookedUpFirst: true, ...handler });
}

function bindMutation<I extends DescMessage, O extends DescMessage, Result>(
  method: DescMethodUnary<I, O>,
  access: Access,
  handler: MutationHandler<I, O, Result>,
): BoundRpc {
  const { input, output } = method;
  const { answer, isLookedUpFirst = false, restore, run } = handler;
  const scope = access.kind === 'workspace' ? 'workspace' : 'instance';
  const invoke = async (request: Message, rpcCall: RpcCall): Promise<Message> => {
    const [message, call] = [narrow(input, request), requireCaller(rpcCall)];
    if (rpcCall.keepAnswer) return keepMutation(method, handler, { message, call, keepAnswer: rpcCall.keepAnswer });
    return create(output, answer(await run(message, call), message, call));
  };
  if (!restore) return { method, access, invoke, repetition: { scope, isLookedUpFirst } };
  const restoreAnswer = async (kept: Message, call: RpcCall): Promise<Message> =>
    create(output, await restore(narrow(output, kept), requireCaller(call)));
  return { method, access, invoke, repetition: { scope, isLookedUpFirst, restore: restoreAnswer } };
}

/** Answers with the very message that is kept: a second one could show another time or state. */
async function keepMutation<I extends DescMessage, O extends DescMessage, Result>(
  { output }: DescMethodUnary<I, O>,
  { answer, keep, run }: MutationHandler<I, O, Result>,
  {
    message,
    call,
    keepAnswer: { claim, serialize },
  }: { readonly message: MessageShape<I>; readonly call: Call; readonly keepAnswer: KeepAnswer },
): Promise<Message> {
  let kept: MessageShape<O> | undefined;
  const keeping: Keeping<Result> = {
    claim,
    isVisible: (credential) => isVisible(call, credential),
    serialize: (result) => {
      kept = create(output, answer(result, message, call));
      return serialize(keep ? create(output, keep(kept, result)) : kept);
    },
  };
  const result = await run(message, { ...call, keeping });
  return kept ?? create(output, answer(result, message, call));
}
