import type { DescMethod } from '@bufbuild/protobuf';
import type { VaultError } from '../../vault/errors.ts';
import type { JsonValue } from '../../vault/json.ts';
import type { JsonTextFlaw } from '../../vault/json-scan.ts';
import type { Caller } from '../../vault/caller.ts';
import type { Documentation } from './documentation.ts';
import type { BoundRpc, BoundStream } from './bound-rpc.ts';

/**
 * One of the APIs of the vault: the services of a proto package with their handlers, and what `google.api.http` annotations cannot
 * express about REST.
 */
export interface Dialect {
  /** Its name: the mount prefix (`/scale/v5/…`), and a credential's `origin`. */
  readonly name: string;
  /** Every rpc of every service of the package. */
  readonly rpcs: readonly BoundRpc[];
  /** Those that answer with streams, which REST sends as server-sent events. */
  readonly streams?: readonly BoundStream[];
  readonly rest: RestStyle;
  /** Constant public answers to `GET`, without an rpc. */
  readonly fixedAnswers?: readonly FixedAnswer[];
  /**
   * The header, in lower case, that names the workspace of a call whose request names none. Undefined means the caller's default.
   */
  readonly workspaceHeader?: string;
  /**
   * Checks a workspace named by a request, if the dialect is stricter than `resolveWorkspace`.
   *
   * @throws VaultError `invalid_argument`
   */
  readonly checkWorkspaceSpelling?: (text: string) => void;
  /** The parts of its API document that its descriptors do not define. */
  readonly documentation?: Documentation;
}

/** A constant answer. */
export interface FixedAnswer {
  /** A path that ends in `/*` matches all paths below it. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

/** The conventions of a dialect on REST. */
export interface RestStyle {
  readonly json: JsonStyle;
  /** How members of a body are treated that the proto does not define. */
  readonly unknownMembers: 'ignore' | 'refuse';
  /** The success status by rpc; 200 if not listed. */
  readonly successStatus: Readonly<Record<string, number>>;
  /** Wraps an answer, from JSON text to JSON text; by default the body is the JSON of the message. */
  readonly envelope?: (body: string, exchange: RestExchange) => string;
  /** Renders every kind of failure. It must not expose unknown causes. */
  readonly renderProblem: (problem: Problem, exchange: RestExchange) => RestAnswer;
  /**
   * Fields of a request that a header may set, by the header's name in lower case, such as `if-match`: `etag`. The header counts if
   * the message has that field as a string and neither the body nor the query sets it; an empty header is a fault.
   */
  readonly fieldsByHeader?: Readonly<Record<string, string>>;
  /** Fields of requests that the query cannot set, because URLs are logged. */
  readonly fieldsNotInQuery?: readonly string[];
  /** The field of answers that becomes the `ETag` header, such as `credential.etag`; answers without it have no such header. */
  readonly etagField?: string;
  /** Headers of the answers of an rpc, such as `cache-control`, by the rpc's name. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** How messages are serialized as JSON. */
export interface JsonStyle {
  /** The proto's field names, or its JSON names (camelCase unless `json_name` overrides them). */
  readonly names: 'proto' | 'json';
  /** Whether an unset field with presence is `null` or omitted. Fields without presence are never omitted. */
  readonly unset: 'null' | 'omit';
  /** 64-bit integers as JSON numbers, or as strings, as in proto3 JSON. */
  readonly int64: 'number' | 'string';
  /** `rfc3339` with as many fractional digits as needed (0, 3, 6, 9), or always `milliseconds`. */
  readonly timestamp: 'rfc3339' | 'milliseconds';
}

/** A REST exchange as a dialect sees it when it renders the answer. */
export interface RestExchange {
  /** Undefined if no route was found. */
  readonly method: DescMethod | undefined;
  /** `X-Request-ID`, else `X-Correlation-ID`, else a fresh UUID. */
  readonly requestId: string;
  readonly now: Date;
  /** The values of the path's template variables, by field path. */
  readonly pathVariables: Readonly<Record<string, string>>;
  readonly caller: Caller | undefined;
  /** Whether `Authorization` has another scheme than Bearer, or none. */
  readonly hasOtherScheme?: boolean;
}

/** The answer to one REST request; `body` is sent as JSON. */
export interface RestAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

/** A failure of a REST request, for the dialect to render. */
export type Problem =
  | { readonly kind: 'vault'; readonly error: VaultError }
  /** At most 100 faults, in the order of the message's fields; `hasMore` if there are more. */
  | { readonly kind: 'invalid_request'; readonly faults: readonly Fault[]; readonly hasMore?: boolean }
  /** `offset` is where the body stops being JSON, in characters. */
  | { readonly kind: 'malformed_json'; readonly offset: number; readonly reason: string }
  /** The body is JSON, but parsing loses or changes a part of it. */
  | { readonly kind: 'unstorable_json'; readonly flaw: JsonTextFlaw }
  | { readonly kind: 'body_missing' }
  /** `contentEncoding` is given if the body was not decoded because of it: only identity is supported. */
  | {
      readonly kind: 'body_not_object';
      readonly contentType: string | undefined;
      readonly contentEncoding?: string;
    }
  | { readonly kind: 'body_too_large'; readonly bytesMax: number }
  | { readonly kind: 'route_not_found' }
  | { readonly kind: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'internal' };

/** A fault of a request. It never contains the value of a secret field. */
export interface Fault {
  /** Where the member came from. */
  readonly source: 'body' | 'query' | 'path' | 'header';
  /** Names as on the wire and indexes, from the root of the request; each name at most 256 bytes. */
  readonly path: readonly (string | number)[];
  readonly rule: FaultRule;
  /** The bound of a length or number rule, or the names of an enum. */
  readonly expected?: number | readonly string[];
  /**
   * What was sent, at most 256 bytes of text or JSON, with the values of secret fields replaced by `[redacted]`; undefined if
   * nothing was sent.
   */
  readonly input: JsonValue | undefined;
}

/** The rules that a request can break. */
export type FaultRule =
  | 'missing'
  /** Sent by both of its names, in snake_case and camelCase. */
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
  | 'too_few'
  | 'too_many'
  | 'pattern'
  | 'other';
