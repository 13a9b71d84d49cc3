import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import type { Logger } from 'pino';
import {
  authorizeOwner,
  authorizeSomewhere,
  requireGrant,
  requireGrantIn,
  resolveWorkspace,
  type Caller,
} from '../../vault/caller.ts';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import type { Clock } from '../../vault/time.ts';
import type { BoundRpc, RpcCall } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import { cancellationError, errorOrCancellation } from '../errors/connect-errors.ts';
import type { CheckRoom } from '../port/unread-answers.ts';
import { itemsUntilAborted, untilAborted } from '../request/call-registry.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import type { RequestAuthenticator } from './authenticate.ts';
import type { ChargeItems } from './rate-limit.ts';
import type { DenialObserver } from './denial-observer.ts';
import type { RepeatedCalls } from './repeated-calls.ts';
import { createOverfullCuts, createUnstorableSearches } from './message-checks.ts';

/** What calls by every protocol need. */
export interface CallParts {
  readonly authenticator: RequestAuthenticator;
  readonly guard: Guard;
  readonly repeatedCalls: RepeatedCalls;
  readonly denials: DenialObserver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bodyBytesMax: number;
  readonly checkRoom: CheckRoom;
}

/** A call before its authorization. */
export interface Attempt {
  readonly dialect: Dialect;
  readonly rpc: Pick<BoundRpc, 'access'>;
  readonly caller: Caller | undefined;
  readonly headers: RequestHeaders;
  readonly message: Message;
}

/** The checks between a request and its handler, the same for every protocol. They are compiled once for each message type. */
export class Guard {
  readonly #charge: ChargeItems | undefined;
  readonly #validator = createValidator();
  readonly #unstorableSearchOf = createUnstorableSearches();
  readonly #overfullCutOf = createOverfullCuts();

  /** @param charge counts the items of batches for rate limits; absent without such limits */
  constructor(charge?: ChargeItems) {
    this.#charge = charge;
  }

  /**
   * Refuses what can be refused before anything of the message is known.
   *
   * @throws VaultError `token_missing` or `permission_denied`
   */
  admitCaller({ access }: Pick<BoundRpc, 'access'>, caller: Caller | undefined): void {
    if (access.kind === 'public') return;
    if (!caller) throw new VaultError('token_missing', 'Not authenticated');
    if (access.kind === 'owner') authorizeOwner(caller, access.permission);
    if (access.kind === 'workspace') authorizeSomewhere(caller, access.permission);
  }

  /**
   * Decides whether the caller may make the call. Of the message it reads only the ids.
   *
   * @returns the workspace that the call acts in; undefined for a public call without an authenticated caller
   * @throws VaultError `token_missing`, `workspace_denied`, `permission_denied`, or `invalid_argument` for a malformed workspace
   */
  admit({ dialect, rpc, caller, headers, message }: Attempt): string | undefined {
    const { access } = rpc;
    if (access.kind === 'public') return caller?.defaultWorkspaceId;
    if (!caller) throw new VaultError('token_missing', 'Not authenticated');
    if (access.kind === 'owner') authorizeOwner(caller, access.permission);
    if (access.kind !== 'workspace') return caller.defaultWorkspaceId;
    // An unset string is empty.
    const named = access.workspace(message) || undefined;
    if (named !== undefined) dialect.checkWorkspaceSpelling?.(named);
    const header =
      dialect.workspaceHeader === undefined ? undefined : headers.get(dialect.workspaceHeader) || undefined;
    const text = named ?? header ?? 'default';
    if (access.deniesAbsentWorkspace) return requireGrantIn(caller, text, access.permission).workspaceId;
    const workspaceId = resolveWorkspace(caller, text, access.permission);
    requireGrant(caller, workspaceId, access.permission);
    const further = access.also?.(message);
    if (further !== undefined) requireGrant(caller, workspaceId, further);
    return workspaceId;
  }

  /**
   * Finds the rules that a message breaks. In a list or a map with more items than its rules allow, it checks only the first ones.
   *
   * @throws Error if a rule itself cannot be evaluated
   */
  validate(schema: DescMessage, message: Message): readonly Violation[] {
    const result = this.#validator.validate(schema, this.#overfullCutOf(schema)(message));
    if (result.kind === 'error') throw result.error;
    return result.violations ?? [];
  }

  /** @throws VaultError `invalid_argument` for U+0000, half of a surrogate pair, or JSON that no JSON text can express */
  rejectUnstorable(schema: DescMessage, message: Message): void {
    const field = this.#unstorableSearchOf(schema)(message);
    if (field === undefined) return;
    const rule = 'must not contain U+0000, half of a surrogate pair, the name __proto__, or what JSON cannot express';
    throw invalidArgument(field, rule);
  }

  /**
   * Runs the handler until it answers or the call is aborted.
   *
   * @throws VaultError `deadline_exceeded`, `canceled` or `unavailable`, by the reason of the call's signal
   */
  async invoke(rpc: BoundRpc, message: Message, call: RpcCall): Promise<Message> {
    if (call.signal.aborted) throw cancellationError(call.signal.reason);
    if (this.#charge && rpc.access.kind === 'workspace' && rpc.access.itemsOf) {
      this.#charge(call, rpc.access.itemsOf(message));
    }
    try {
      return await untilAborted(call.signal, rpc.invoke(message, call));
    } catch (error) {
      throw errorOrCancellation(error, call.signal);
    }
  }

  /**
   * Yields the parts of a list until the call is aborted.
   *
   * @throws as `invoke`
   */
  async *invokeInParts(
    invoke: NonNullable<BoundRpc['invokeInParts']>,
    message: Message,
    call: RpcCall,
  ): AsyncGenerator<Message> {
    try {
      yield* itemsUntilAborted(call.signal, invoke(message, call));
    } catch (error) {
      throw errorOrCancellation(error, call.signal);
    }
  }
}
