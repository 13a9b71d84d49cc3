import type { DescMethod } from '@bufbuild/protobuf';
import type { VaultError } from '../../vault/errors.ts';
import type { JsonValue } from '../../vault/json.ts';
import type { JsonTextFlaw } from '../../vault/json-scan.ts';
import type { Caller } from '../../vault/caller.ts';
import type { Documentation } from './documentation.ts';
import type { BoundRpc, BoundStream } from './bound-rpc.ts';

/**
 * One of the APIs that the vault speaks: a proto package's services with their handlers, and what its `google.api.http`
 * annotations cannot say about the REST side.
 */
export interface Dialect {
  /** Its name: the mount prefix (`/scale/v5/…`), and a credential's `origin`. */
  readonly name: string;
  /** Every rpc of every service of the package. */
  readonly rpcs: readonly BoundRpc[];
  /** Those that answer with streams; REST has them as server-sent events. */
  readonly streams?: readonly BoundStream[];
  readonly rest: RestStyle;
  /** What it answers to anybody by `GET`, always alike, without an rpc. */
  readonly fixedAnswers?: readonly FixedAnswer[];
  /**
   * The workspace of a call whose request names none, as the caller spelt it, from a header of the dialect, in small letters.
   * Undefined means the caller's default.
   */
  readonly workspaceHeader?: string;
  /**
   * Turns what a path names into what `resolveWorkspace` takes, where the dialect is stricter about its spelling.
   *
   * @throws VaultError `invalid_argument`
   */
  readonly checkWorkspaceSpelling?: (text: string) => void;
  /** What its API document says beyond its descriptors. */
  readonly documentation?: Documentation;
}

/** An answer that is always the same. */
export interface FixedAnswer {
  /** One that ends in `/*` stands for all below it. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

/** How a dialect looks on REST. */
export interface RestStyle {
  readonly json: JsonStyle;
  /** Members of a body that the proto does not know: let pass, or refused. */
  readonly unknownMembers: 'ignore' | 'refuse';
  /** The success status of an rpc; 200 where it is not listed. */
  readonly successStatus: Readonly<Record<string, number>>;
  /** Wraps an answer, from JSON text to JSON text; without it the message's JSON is the body. */
  readonly envelope?: (body: string, exchange: RestExchange) => string;
  /** Renders every kind of failure. It must show no cause that it does not know. */
  readonly renderProblem: (problem: Problem, exchange: RestExchange) => RestAnswer;
  /**
   * Fields of a request that a header may hold instead, by the header's name in small letters, such as `if-match`: `etag`.
   * The header counts where the request's message has that field as a string, and neither its body nor its query sets it; an
   * empty one is a fault.
   */
  readonly fieldsByHeader?: Readonly<Record<string, string>>;
  /** The field of answers that the `ETag` header shows, such as `credential.etag`: of those that have it. */
  readonly etagField?: string;
  /** Headers on every answer of an rpc, such as `cache-control`, by the rpc's name. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** How messages are spelt as JSON. */
export interface JsonStyle {
  /** Members by the proto's field names, or by its JSON names (camelCase unless `json_name` says otherwise). */
  readonly names: 'proto' | 'json';
  /** What stands for a field with presence that is not set: `null`, or nothing. Fields without presence always stand. */
  readonly unset: 'null' | 'omit';
  /** 64-bit integers as JSON numbers, or as proto3 JSON has them, as strings. */
  readonly int64: 'number' | 'string';
  /** `rfc3339` with as many fractional digits as needed (0, 3, 6, 9), or always `milliseconds`. */
  readonly timestamp: 'rfc3339' | 'milliseconds';
}

/** What is known of one REST exchange when its answer is rendered. */
export interface RestExchange {
  /** Undefined where no route was found. */
  readonly method: DescMethod | undefined;
  /** `X-Request-ID`, else `X-Correlation-ID`, else a fresh UUID. */
  readonly requestId: string;
  readonly now: Date;
  /** What the path's template variables held, by field path. */
  readonly pathVariables: Readonly<Record<string, string>>;
  readonly caller: Caller | undefined;
  /** Whether `Authorization` begins with another scheme than Bearer, or with none. */
  readonly hasOtherScheme?: boolean;
}

/** The answer to one REST request; `body` is sent as JSON. */
export interface RestAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

/** Whatever may go wrong with a REST request, for the dialect to render. */
export type Problem =
  | { readonly kind: 'vault'; readonly error: VaultError }
  /** One entry a fault, in the order of the message's fields: at most 100; `hasMore` where there are more. */
  | { readonly kind: 'invalid_request'; readonly faults: readonly Fault[]; readonly hasMore?: boolean }
  /** `offset` is where the body stopped being JSON, in characters. */
  | { readonly kind: 'malformed_json'; readonly offset: number; readonly reason: string }
  /** The body is JSON, but parsing it loses or changes something. */
  | { readonly kind: 'unstorable_json'; readonly flaw: JsonTextFlaw }
  | { readonly kind: 'body_missing' }
  /** `contentEncoding` is given where the body was not even decoded: only identity is. */
  | {
      readonly kind: 'body_not_object';
      readonly contentType: string | undefined;
      readonly contentEncoding?: string;
    }
  | { readonly kind: 'body_too_large'; readonly bytesMax: number }
  | { readonly kind: 'route_not_found' }
  | { readonly kind: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'internal' };

/** One thing that is wrong with a request. It holds no value of a secret field. */
export interface Fault {
  /** Where the member came from. */
  readonly source: 'body' | 'query' | 'path' | 'header';
  /** Names and indexes from the request's root, in the wire's spelling; each name at most 256 bytes. */
  readonly path: readonly (string | number)[];
  readonly rule: FaultRule;
  /** The bound of a length or number rule, or the names of an enum. */
  readonly expected?: number | readonly string[];
  /**
   * What was sent, with each value of a secret field replaced by `[redacted]`: a text of at most 256 bytes, or other JSON of so
   * many; undefined where nothing was.
   */
  readonly input: JsonValue | undefined;
}

/** The rules that a request can break. */
export type FaultRule =
  | 'missing'
  /** It was sent under both of its names, in snake_case and camelCase. */
  | 'sent_twice'
  | 'unknown_member'
  | 'not_string'
  | 'not_number'
  | 'not_integer'
  | 'not_boolean'
  | 'not_object'
  | 'not_list'
  | 'not_timestamp'
  | 'not_in_enum'
  | 'too_short'
  | 'too_long'
  | 'too_small'
  | 'too_large'
  | 'too_many'
  | 'pattern'
  | 'other';
