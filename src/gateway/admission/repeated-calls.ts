import type { Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import type { IdempotentRequests } from '../../vault/requests/idempotent-requests.ts';
import type { RequestClaim } from '../../vault/requests/ports.ts';
import { nameOfRpc, type BoundRpc, type Repetition, type RpcCall } from '../contract/bound-rpc.ts';
import type { Exchange } from '../contract/exchange.ts';
import { errorOrCancellation } from '../errors/connect-errors.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import { canonicalContent } from './canonical-content.ts';
import type { Guard } from './guard.ts';
import { readAnswer, serializeAnswer } from './kept-answers.ts';
import { createRequestIdReader, requestIdReused, type RequestIdReader, type SentRequestId } from './request-ids.ts';

/** The header of an answer to a repeated request. */
export const replayedHeaders = { 'idempotent-replayed': 'true' } as const;

/** How long a call waits for another one with its request id, in milliseconds, and how often it looks. */
const waitMs = 2_000;
const pauseMs = 25;

/** The refusals that the state of what a call names may be the cause of. */
const refusalsByState: ReadonlySet<VaultErrorCode> = new Set([
  'not_found',
  'name_taken',
  'id_taken',
  'already_exists',
  'invalid_argument',
  'failed_precondition',
]);

/** The dependencies of `RepeatedCalls`. */
export interface RepeatedCallsParts {
  readonly guard: Guard;
  /** Without it, request ids have no effect. */
  readonly requests?: IdempotentRequests | undefined;
}

/** Where a call comes from. */
export interface CallSource {
  readonly headers: RequestHeaders;
  readonly exchange: Exchange;
}

/** A call with its request id. */
interface IdentifiedCall {
  readonly rpc: BoundRpc;
  readonly message: Message;
  readonly call: RpcCall;
  readonly exchange: Exchange;
  readonly repetition: Repetition;
  readonly sent: SentRequestId;
  readonly requests: IdempotentRequests;
  readonly claim: RequestClaim;
}

/**
 * Makes calls, and answers repeated ones from the first. A call without a request id is passed on.
 *
 * @see docs/decisions/0041-request-ids.md
 */
export class RepeatedCalls {
  readonly #guard: Guard;
  readonly #requests: IdempotentRequests | undefined;
  readonly #readers = new Map<BoundRpc, RequestIdReader>();

  constructor({ guard, requests }: RepeatedCallsParts) {
    this.#guard = guard;
    this.#requests = requests;
  }

  /**
   * Runs the handler of an admitted call with its validated message, unless the call repeats an earlier one.
   *
   * @throws VaultError `invalid_argument` for a malformed id, or with the reason `REQUEST_ID_REUSED`; `request_in_progress` if
   *   another call with the id is under way for longer than 2 s; what `Guard.invoke` throws
   */
  invoke(rpc: BoundRpc, message: Message, call: RpcCall, { headers, exchange }: CallSource): Promise<Message> {
    const { repetition } = rpc;
    const requests = this.#requests;
    const sent = repetition && requests && this.#readerOf(rpc)(message, headers);
    if (!sent) return this.#guard.invoke(rpc, message, call);
    const claim = claimOf({ rpc, message, call, repetition, requests, sent });
    return this.#invokeOnce({ rpc, message, call, exchange, repetition, sent, requests, claim });
  }

  #readerOf(rpc: BoundRpc): RequestIdReader {
    const reader = this.#readers.get(rpc) ?? createRequestIdReader(rpc.method.input);
    this.#readers.set(rpc, reader);
    return reader;
  }

  async #invokeOnce(identified: IdentifiedCall): Promise<Message> {
    const { rpc, message, call, repetition, claim } = identified;
    const { output } = rpc.method;
    const keepAnswer = { claim, serialize: (answer: Message) => serializeAnswer(output, answer) };
    const replayed = repetition.isLookedUpFirst ? await replay(identified) : undefined;
    if (replayed) return replayed;
    for (const deadlineMs = performance.now() + waitMs; ;) {
      try {
        return await this.#guard.invoke(rpc, message, { ...call, keepAnswer });
      } catch (error) {
        if (!mayBeAnswered(repetition, error)) throw error;
        const answer = await replay(identified);
        if (answer) return answer;
        if (error.code !== 'request_in_progress' || performance.now() >= deadlineMs) throw error;
        await pause(call.signal);
      }
    }
  }
}

/**
 * Whether a call that was refused may have an answer by now. Between the search for an answer and the handler's own reading, the
 * first call may have been committed: the handler then refuses what that call has changed, before it comes to claim the id. Handlers
 * without an earlier search refuse by the scope of the caller's key as well, which an answer must not get around.
 */
function mayBeAnswered({ isLookedUpFirst }: Repetition, error: unknown): error is VaultError {
  if (!(error instanceof VaultError)) return false;
  return error.code === 'request_in_progress' || (isLookedUpFirst && refusalsByState.has(error.code));
}

function claimOf({
  rpc,
  message,
  call: { caller, workspaceId },
  repetition,
  requests,
  sent: { id: requestId },
}: Omit<IdentifiedCall, 'claim' | 'exchange'>): RequestClaim {
  assert(caller !== undefined && workspaceId !== undefined, 'a mutation has a caller');
  const isInWorkspace = repetition.scope === 'workspace';
  return requests.claimOf({
    caller,
    workspaceId: isInWorkspace ? workspaceId : null,
    requestId,
    rpc: nameOfRpc(rpc.method),
    content: canonicalContent(rpc.method.input, message, { caller, isInWorkspace }),
  });
}

/** The answer of the first call with the id; undefined if there was none. */
async function replay({ rpc, call, repetition, sent, requests, claim, exchange }: IdentifiedCall) {
  const kept = await requests.find(claim, call.signal);
  if (!kept) return undefined;
  if (!kept.isSame) throw requestIdReused(sent);
  const answer = readAnswer(rpc.method.output, kept.answer);
  const restored = repetition.restore ? await repetition.restore(answer, call) : answer;
  exchange.found.isReplayed = true;
  return restored;
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await delay(pauseMs, undefined, { signal });
  } catch (error) {
    throw errorOrCancellation(error, signal);
  }
}
