import type { IncomingMessage } from 'node:http';
import { readJson, type ReadJson } from '../../vault/read-json.ts';
import type { BoundRpc } from '../contract/bound-rpc.ts';
import { ProblemError } from '../errors/rest-problems.ts';
import { findJsonFault } from './json-fault.ts';
import { readBody, WholeBody } from './read-body.ts';

/** The most bytes that the request of a public rpc may take. */
export const publicBodyBytesMax = 16_384;

/**
 * The most bytes, once decompressed, of a message that Connect's own library decodes: gRPC-Web's, and compressed ones. It decodes
 * before it counts values, and 1 MiB of small fields takes it a quarter of a second. The largest secret and metadata of the
 * default configuration fit twice.
 */
export const libraryMessageBytesMax = 262_144;

/** The most bytes that the request of an rpc may take, where no request may take more than `bytesMax`. */
export function bodyLimitOf({ access }: Pick<BoundRpc, 'access'>, bytesMax: number): number {
  return access.kind === 'public' ? Math.min(publicBodyBytesMax, bytesMax) : bytesMax;
}

/**
 * Reads the body of a request as JSON, never more of it than the limit.
 *
 * @returns undefined if there is none: no byte, only white space, or `null`
 * @throws ProblemError `body_too_large`, `body_not_object` for another content type than JSON or a content coding, before
 *   anything is read where the headers are enough to decide; `malformed_json`
 * @throws the reason of the signal once it is aborted
 */
export async function readJsonBody(
  request: IncomingMessage,
  bytesMax: number,
  signal: AbortSignal,
): Promise<ReadJson | undefined> {
  const { 'content-encoding': contentEncoding = 'identity', 'content-type': contentType } = request.headers;
  const declared = declaredBytes(request);
  const body = new WholeBody(bytesMax, declared, bodyTooLarge);
  if (!isIdentity(contentEncoding)) throw new ProblemError({ kind: 'body_not_object', contentType, contentEncoding });
  const isJson = contentType === undefined || isJsonType(contentType);
  const bytes = isJson || declared === 0 ? await readBody(request, body, signal) : undefined;
  if (bytes?.length === 0) return undefined;
  if (!bytes || !isJson) throw new ProblemError({ kind: 'body_not_object', contentType });
  return parse(bytes);
}

function bodyTooLarge(bytesMax: number): ProblemError {
  return new ProblemError({ kind: 'body_too_large', bytesMax });
}

/** A list of codings is refused even if all are identity. @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4 */
function isIdentity(contentEncoding: string): boolean {
  return /^\s*(?:identity)?\s*$/i.test(contentEncoding);
}

/** Whether a request announces a body, which may turn out to be empty. */
export function announcesBody(request: IncomingMessage): boolean {
  return declaredBytes(request) > 0 || request.headers['transfer-encoding'] !== undefined || isOpenStream(request);
}

/** The length that a request declares, in bytes; 0 if it declares none. */
export function declaredBytes(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

/** A request of HTTP/2 need not announce its body: an open stream may bring one. */
function isOpenStream(request: IncomingMessage): boolean {
  return request.httpVersionMajor === 2 && request.headers['content-length'] === undefined && !request.readableEnded;
}

function isJsonType(contentType: string): boolean {
  return /^\s*application\/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)/i.test(contentType);
}

/** It keeps no state between calls. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function parse(bytes: Uint8Array): ReadJson | undefined {
  const text = decode(bytes);
  try {
    const read = readJson(text);
    return read.value === null && !read.flaw ? undefined : read;
  } catch {
    if (text.trim() === '') return undefined;
    throw new ProblemError({ kind: 'malformed_json', ...findJsonFault(text) });
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProblemError({ kind: 'malformed_json', offset: 0, reason: 'Invalid UTF-8' });
  }
}
