import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A key that an issuer signs with. */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export const audience = 'https://coffer.example';

export async function newSigningKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** What a token says beyond the ordinary; undefined leaves out what is ordinary. */
export type Claims = Readonly<Record<string, unknown>>;

/** How a token differs from an ordinary one. */
export interface TokenOptions {
  readonly key?: SigningKey;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer on this machine: discovery, a key set, and tokens. */
export class TestIssuer implements AsyncDisposable {
  /** What it has been asked for. */
  readonly paths: string[] = [];
  /** What it publishes. */
  keys: readonly unknown[] = [];
  /** What it signs with. */
  key: SigningKey;
  /** Answers in its place, where a test sets it. */
  override: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #url = '';

  constructor(key: SigningKey) {
    this.use(key);
    this.key = key;
  }

  static async start(): Promise<TestIssuer> {
    const issuer = new TestIssuer(await newSigningKey('first'));
    await issuer.listen();
    return issuer;
  }

  get url(): string {
    return this.#url;
  }

  /** Signs with this key from now on, and publishes it alone. */
  use(key: SigningKey): void {
    this.key = key;
    this.keys = [key.jwk];
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the issuer has no address');
    this.#url = `http://127.0.0.1:${address.port}`;
  }

  /** A token for `now`; what is undefined is left out. */
  async sign(claims: Claims, now: Date, { key = this.key, header = {} }: TokenOptions = {}): Promise<string> {
    const seconds = Math.floor(now.getTime() / 1_000);
    const ordinary = { iss: this.#url, aud: audience, sub: 'alice', iat: seconds, exp: seconds + 300 };
    const payload = JSON.parse(JSON.stringify({ ...ordinary, ...claims }));
    const protectedHeader = JSON.parse(JSON.stringify({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header }));
    return new SignJWT(payload).setProtectedHeader(protectedHeader).sign(key.privateKey);
  }

  /** A token of these texts, which need not be what a token has; signed by ES256. */
  async signTexts(header: string, payload: string, { privateKey } = this.key): Promise<string> {
    const signed = [header, payload].map((text) => Buffer.from(text).toString('base64url')).join('.');
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString('base64url')}`;
  }

  /** Nobody answers there any more, until it listens again. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.paths.push(request.url ?? '');
    if (this.override) return this.override(request, response);
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer: this.#url, jwks_uri: `${this.#url}/keys` },
      '/keys': { keys: this.keys },
    };
    const document = documents[request.url ?? ''];
    response.statusCode = document === undefined ? 404 : 200;
    response.end(JSON.stringify(document ?? {}));
  }
}
