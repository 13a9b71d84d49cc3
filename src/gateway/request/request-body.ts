import type { IncomingMessage } from 'node:http';
import { VaultError } from '../../vault/errors.ts';
import { readJson, type ReadJson } from '../../vault/read-json.ts';
import { findJsonFault } from './json-fault.ts';
import { ProblemError } from '../errors/problem-error.ts';
import type { BoundRpc } from '../contract/bound-rpc.ts';

/** The most bytes that the request of a call may take which anybody may make. */
export const publicBodyBytesMax = 16_384;

/**
 * The most bytes, once decompressed, of a message that Connect's own library decodes: gRPC-Web's, and compressed ones. Of what
 * it holds more than of others nothing can be refused before it is decoded, and 1 MiB of small fields takes it a quarter of a
 * second. The largest secret and metadata of the default configuration fit twice.
 */
export const libraryMessageBytesMax = 262_144;

/** The most bytes that an rpc's request may take, where a request may take `bytesMax` at all. */
export function bodyLimitOf({ access }: Pick<BoundRpc, 'access'>, bytesMax: number): number {
  return access.kind === 'public' ? Math.min(publicBodyBytesMax, bytesMax) : bytesMax;
}

/**
 * Reads a request's body as JSON, never more of it than the limit.
 *
 * @returns undefined where there is none: no byte, white space alone, or `null`
 * @throws ProblemError `body_too_large`, `body_not_object` for another content type than JSON or a content coding, before
 *   anything is read where the headers are enough to know; `malformed_json`
 * @throws VaultError `canceled` where the client goes away meanwhile
 */
export async function readJsonBody(request: IncomingMessage, bytesMax: number): Promise<ReadJson | undefined> {
  const { 'content-encoding': contentEncoding = 'identity', 'content-type': contentType } = request.headers;
  const declared = declaredBytes(request);
  if (declared > bytesMax) throw new ProblemError({ kind: 'body_too_large', bytesMax });
  if (!isIdentity(contentEncoding)) throw new ProblemError({ kind: 'body_not_object', contentType, contentEncoding });
  const isJson = contentType === undefined || isJsonType(contentType);
  const bytes = isJson || declared === 0 ? await readBytes(request, bytesMax) : undefined;
  if (bytes?.length === 0) return undefined;
  if (!bytes || !isJson) throw new ProblemError({ kind: 'body_not_object', contentType });
  return parse(bytes);
}

/** One of several codings is one too many. @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4 */
function isIdentity(contentEncoding: string): boolean {
  return /^\s*(?:identity)?\s*$/i.test(contentEncoding);
}

/** Tells whether a request announces a body; it may still turn out to be empty. */
export function announcesBody(request: IncomingMessage): boolean {
  return declaredBytes(request) > 0 || request.headers['transfer-encoding'] !== undefined || isOpenStream(request);
}

/** The length that a request declares, in bytes; 0 where it declares none. */
export function declaredBytes(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

/** HTTP/2 announces nothing: what has not ended may bring a body. */
function isOpenStream(request: IncomingMessage): boolean {
  return request.httpVersionMajor === 2 && request.headers['content-length'] === undefined && !request.readableEnded;
}

function isJsonType(contentType: string): boolean {
  return /^\s*application\/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)/i.test(contentType);
}

/** By events: iterating over a request destroys its connection when one stops early, and then nothing could be answered. */
function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= bytesMax) return;
      request.off('data', onData);
      request.pause();
      reject(new ProblemError({ kind: 'body_too_large', bytesMax }));
    };
    request.on('data', onData);
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length)));
    // Follows every end and every error.
    request.on('close', () => {
      if (!request.readableEnded) reject(new VaultError('canceled', 'the client went away'));
    });
  });
}

/** It keeps nothing of what it has decoded. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function parse(bytes: Buffer): ReadJson | undefined {
  const text = decode(bytes);
  try {
    const read = readJson(text);
    return read.value === null && !read.flaw ? undefined : read;
  } catch {
    if (text.trim() === '') return undefined;
    throw new ProblemError({ kind: 'malformed_json', ...findJsonFault(text) });
  }
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProblemError({ kind: 'malformed_json', offset: 0, reason: 'Invalid UTF-8' });
  }
}
