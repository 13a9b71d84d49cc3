import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';

/** Why a document of the issuer is not available. The message quotes nothing of the response. */
export class IssuerDocumentError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'IssuerDocumentError';
  }
}

/** The greatest document that is read, in bytes after decompression. */
export const documentBytesMax = 262_144;

/** How long fetching a document may take, in milliseconds. */
const documentTimeoutMs = 5_000;

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether documents may be fetched from a URL: over TLS, or without TLS from this machine. */
export function isFetchable(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && loopbackHosts.has(hostname));
}

/** Sends a GET request to another server. */
export type Fetch = (url: string, options: RequestInit) => Promise<Response>;

/**
 * Fetches a JSON object. Redirects are not followed: they could leave TLS, or lead into a network that only this host can reach.
 *
 * @throws IssuerDocumentError
 */
export async function fetchDocument(url: string, ask: Fetch): Promise<JsonObject> {
  const parsed = parse(await fetchText(url, ask));
  if (!isJsonObject(parsed)) throw new IssuerDocumentError('a document is not a JSON object');
  return parsed;
}

async function fetchText(url: string, ask: Fetch): Promise<string> {
  try {
    const signal = AbortSignal.timeout(documentTimeoutMs);
    const response = await ask(url, { redirect: 'error', headers: { accept: 'application/json' }, signal });
    if (response.ok) return await readBounded(response);
    await response.body?.cancel();
    throw new IssuerDocumentError(`a document was answered with status ${response.status}`);
  } catch (error) {
    if (error instanceof IssuerDocumentError) throw error;
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    throw new IssuerDocumentError(isLate ? 'a document did not arrive in time' : 'a document could not be fetched', {
      cause: error,
    });
  }
}

/** An error in the loop closes the connection. */
async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > documentBytesMax) throw new IssuerDocumentError(`a document exceeds ${documentBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new IssuerDocumentError('a document is not JSON');
  }
}

/** The most keys in a set. */
const keysMax = 100;

/** The members of a key that are used. @see https://www.rfc-editor.org/rfc/rfc7518#section-6 */
const publicMembers = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'] as const;

/**
 * Finds the issuer's key set by its discovery document, and fetches it.
 *
 * @param issuer as in its tokens; the discovery document must contain the same
 * @throws IssuerDocumentError
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 */
export async function fetchSigningKeys(issuer: string, ask: Fetch): Promise<JWTVerifyGetKey> {
  const discovery = await fetchDocument(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ask);
  if (discovery['issuer'] !== issuer) throw new IssuerDocumentError('the discovery document names another issuer');
  return keySetOf(await fetchDocument(keySetUrlOf(discovery, issuer), ask));
}

/**
 * The URL of the keys in a discovery document. It may be on another host, but not without TLS if the issuer has TLS.
 *
 * @throws IssuerDocumentError
 */
export function keySetUrlOf({ jwks_uri: url }: JsonObject, issuer: string): string {
  if (typeof url === 'string' && isFetchable(url) && (isTls(url) || !isTls(issuer))) return url;
  throw new IssuerDocumentError('the discovery document names no key set that may be fetched');
}

function isTls(url: string): boolean {
  return new URL(url).protocol === 'https:';
}

function keySetOf({ keys }: JsonObject): JWTVerifyGetKey {
  if (!isList(keys) || keys.length > keysMax) {
    throw new IssuerDocumentError(`the key set must be a list of at most ${keysMax} keys`);
  }
  return createLocalJWKSet({ keys: keys.filter(isJsonObject).filter(isForSigning).map(publicKeyOf) });
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Excludes secret keys, which a public set must not contain, and keys for other operations. */
function isForSigning({ kty, key_ops: operations }: JsonObject): boolean {
  const isPublic = kty === 'RSA' || kty === 'EC' || kty === 'OKP';
  return isPublic && (!isList(operations) || operations.includes('verify'));
}

/** Without members that are private, or that refer to a certificate. */
function publicKeyOf(key: JsonObject): JWK {
  const entries = publicMembers.map((name) => [name, key[name]]).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(entries);
}
