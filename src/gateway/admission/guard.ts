import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import { authorize, authorizeOwner, authorizeSomewhere, resolveWorkspace, type Caller } from '../../vault/caller.ts';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import type { Dialect } from '../contract/dialect.ts';
import { untilAborted as itemsUntilAborted } from '../request/until-aborted.ts';
import { createFlawSearches } from './unstorable-values.ts';
import { createOverfullCuts } from './overfull-lists.ts';
import type { BoundRpc, RpcCall } from '../contract/bound-rpc.ts';

/** What stands between a request and its handler, the same for every protocol. */
export interface Guard {
  /**
   * Refuses what can be refused before anything of the message is known.
   *
   * @throws VaultError `token_missing` or `permission_denied`
   */
  admitCaller(rpc: Pick<BoundRpc, 'access'>, caller: Caller | undefined): void;
  /**
   * Decides whether the caller may make the call, before more than the message's ids is looked at.
   *
   * @returns the workspace that the call acts in; undefined for a public call that nobody proved
   * @throws VaultError `token_missing`, `workspace_denied`, `permission_denied`, or `invalid_argument` for a workspace's spelling
   */
  admit(attempt: Attempt): string | undefined;
  /**
   * Finds the broken rules of a message; where a list or a map holds more than its rules allow, not those of all that it holds.
   *
   * @throws Error where a rule itself is broken
   */
  validate(schema: DescMessage, message: Message): readonly Violation[];
  /** @throws VaultError `invalid_argument` where the message holds U+0000, half of a surrogate pair, or JSON that no JSON text spells */
  refuseFlaws(schema: DescMessage, message: Message): void;
  /**
   * Runs the handler, but no longer than until the call is given up.
   *
   * @throws VaultError `deadline_exceeded`, `canceled` or `unavailable` as the signal's reason says
   */
  invoke(rpc: BoundRpc, message: Message, call: RpcCall): Promise<Message>;
  /**
   * Gives the parts of a list no longer than until the call is given up.
   *
   * @throws as `invoke`
   */
  invokeInParts(
    invoke: NonNullable<BoundRpc['invokeInParts']>,
    message: Message,
    call: RpcCall,
  ): AsyncGenerator<Message>;
}

/** A call before it is let in. */
export interface Attempt {
  readonly dialect: Dialect;
  readonly rpc: Pick<BoundRpc, 'access'>;
  readonly caller: Caller | undefined;
  readonly headers: RequestHeaders;
  readonly message: Message;
}

/** @param givenUp says what a signal's reason means */
export function createGuard(givenUp: (reason: unknown) => VaultError): Guard {
  const validator = createValidator();
  const flawSearches = createFlawSearches();
  const overfullCuts = createOverfullCuts();
  return {
    admitCaller,
    admit,
    validate(schema, message) {
      const result = validator.validate(schema, overfullCuts(schema)(message));
      if (result.kind === 'error') throw result.error;
      return result.violations ?? [];
    },
    refuseFlaws(schema, message) {
      const field = flawSearches(schema)(message);
      if (field !== undefined)
        throw invalidArgument(
          field,
          'must not hold U+0000, half of a surrogate pair, the name __proto__, or what JSON can not spell',
        );
    },
    async invoke(rpc, message, call) {
      if (call.signal.aborted) throw givenUp(call.signal.reason);
      try {
        return await untilAborted(call.signal, rpc.invoke(message, call));
      } catch (error) {
        // What a handler throws after the call was given up follows from that.
        if (call.signal.aborted && !(error instanceof VaultError)) throw givenUp(call.signal.reason);
        throw error;
      }
    },
    async *invokeInParts(invoke, message, call) {
      try {
        yield* itemsUntilAborted(call.signal, invoke(message, call));
      } catch (error) {
        if (call.signal.aborted && !(error instanceof VaultError)) throw givenUp(call.signal.reason);
        throw error;
      }
    },
  };
}

function admitCaller({ access }: Pick<BoundRpc, 'access'>, caller: Caller | undefined): void {
  if (access.kind === 'public') return;
  if (!caller) throw new VaultError('token_missing', 'Not authenticated');
  if (access.kind === 'owner') authorizeOwner(caller, access.permission);
  if (access.kind === 'workspace') authorizeSomewhere(caller, access.permission);
}

function admit({ dialect, rpc, caller, headers, message }: Attempt): string | undefined {
  const { access } = rpc;
  if (access.kind === 'public') return caller?.defaultWorkspaceId;
  if (!caller) throw new VaultError('token_missing', 'Not authenticated');
  if (access.kind === 'owner') authorizeOwner(caller, access.permission);
  if (access.kind !== 'workspace') return caller.defaultWorkspaceId;
  // A string that is not set is empty.
  const named = access.workspace(message) || undefined;
  if (named !== undefined) dialect.checkWorkspaceSpelling?.(named);
  const header = dialect.workspaceHeader === undefined ? undefined : headers.get(dialect.workspaceHeader) || undefined;
  const workspaceId = resolveWorkspace(caller, named ?? header ?? 'default');
  authorize(caller, workspaceId, access.permission);
  return workspaceId;
}

/** The handler is told by the same signal, which lasts no longer than the call; whether it listens or not, the caller is answered. */
function untilAborted<Answer>(signal: AbortSignal, answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    answer.then(resolve, reject);
  });
}
