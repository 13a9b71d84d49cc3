import type { Caller } from '../../vault/caller.ts';
import type { JsonValue } from '../../vault/json.ts';
import type { RequestHeaders } from '../request/request-headers.ts';

/** What a request shows of the dialect that it is meant for, when its path belongs to several. */
export interface SharedPathRequest {
  /** As it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Undefined where nobody has proved who he is. */
  readonly caller: Caller | undefined;
  /** The dialect that the caller's API key was issued for. */
  readonly callerDialect: string | undefined;
  /** Undefined where nobody has proved who he is, and where none was sent. */
  readonly body: JsonValue | undefined;
  /** What the path's variables hold, decoded, in their order. */
  readonly pathValues: readonly string[];
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** Chooses who answers a path that several dialects share; without a choice the first of them does. */
export type ChooseDialect = (
  candidates: readonly string[],
  request: SharedPathRequest,
) => string | undefined | Promise<string | undefined>;
