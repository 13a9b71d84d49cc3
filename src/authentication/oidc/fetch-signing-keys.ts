import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { fetchDocument, isFetchable, IssuerDocumentError, type Fetch } from './issuer-documents.ts';

/** The most keys that a set may hold. */
const keysMax = 100;

/** What of a key is used. @see https://www.rfc-editor.org/rfc/rfc7518#section-6 */
const publicMembers = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'] as const;

/**
 * Finds the issuer's key set by its discovery document, and fetches it.
 *
 * @param issuer as its tokens name it; the discovery document must name it alike
 * @throws IssuerDocumentError
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 */
export async function fetchSigningKeys(issuer: string, ask: Fetch): Promise<JWTVerifyGetKey> {
  const discovery = await fetchDocument(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ask);
  if (discovery['issuer'] !== issuer) throw new IssuerDocumentError('the discovery document names another issuer');
  return keySetOf(await fetchDocument(keySetUrlOf(discovery, issuer), ask));
}

/**
 * Where a discovery document says that the keys are. That may be on another host; but what is found over TLS leads nowhere
 * without it.
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

/** Secret keys have no place in a set that everybody may read, and keys for encryption sign nothing. */
function isForSigning({ kty, key_ops: operations }: JsonObject): boolean {
  const isPublic = kty === 'RSA' || kty === 'EC' || kty === 'OKP';
  return isPublic && (!isList(operations) || operations.includes('verify'));
}

/** Takes no member along that is private, or that names a certificate or a place to fetch one from. */
function publicKeyOf(key: JsonObject): JWK {
  const entries = publicMembers.map((name) => [name, key[name]]).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(entries);
}
