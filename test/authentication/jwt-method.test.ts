import { expect } from 'chai';
import { SignJWT, UnsecuredJWT } from 'jose';
import { createPublicKey } from 'node:crypto';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { createOidcAccess } from '../../src/authentication/oidc/oidc-access.ts';
import {
  fetchesAtOnceMax,
  keysCooldownMs,
  keysFreshMs,
  keysUsableMs,
} from '../../src/authentication/oidc/signing-keys.ts';
import type { Caller } from '../../src/vault/caller.ts';
import { VaultError } from '../../src/vault/errors.ts';
import { refersTo, formatShortId, type Reference } from '../../src/vault/ids.ts';
import { documentBytesMax } from '../../src/authentication/oidc/issuer-documents.ts';
import { ManualAccessChanges } from './manual-access-changes.ts';
import { MemoryAccessStore, now } from './memory-access-store.ts';
import { audience, newSigningKey, TestIssuer, type Claims, type TokenOptions } from './oidc/test-issuer.ts';
import { vaultCodeOf } from '../support/refusals.ts';

const first = '018cc251-f400-7000-8000-00000000000a';
const second = '018cc251-f400-7000-8000-00000000000b';
const absent = '018cc251-f400-7000-8000-00000000000c';
const seconds = Math.floor(now.getTime() / 1_000);
const granted = { coffer_workspace: first, coffer_role: 'EDITOR' };

/** Finds two workspaces, as the store would. */
const workspaces = {
  findWorkspace: async (reference: Reference) => {
    const id = [first, second].find((candidate) => refersTo(reference, candidate));
    return id === undefined ? undefined : { id, name: 'w', createdBy: first, createdAt: now };
  },
};

/** When a refusal for want of a key says to try again, in milliseconds. */
async function retryAfterOf(proving: Promise<unknown>): Promise<number> {
  const refusal = await proving.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).to.be.instanceOf(VaultError).and.to.include({ code: 'unavailable' });
  return refusal instanceof VaultError ? (refusal.details.retryAfterMs ?? 0) : 0;
}

describe('jwtMethod', () => {
  let issuer: TestIssuer;
  let time: Date;
  let warnings: string[];
  let authenticator: Authenticator;

  before(async () => (issuer = await TestIssuer.start()));
  after(() => issuer[Symbol.asyncDispose]());

  beforeEach(async () => {
    issuer.override = undefined;
    issuer.use(await newSigningKey('first'));
    issuer.paths.length = 0;
    time = now;
    warnings = [];
    authenticator = authenticatorOf(issuer.url);
  });

  function authenticatorOf(name: string): Authenticator {
    const clock = { now: () => time };
    const told = warnings;
    const log = {
      warn: (fields: Readonly<Record<string, unknown>>, message: string) =>
        told.push(`${message}: ${JSON.stringify(fields)}`),
    };
    const claimNames = { workspace: 'coffer_workspace', role: 'coffer_role' };
    const oidc = createOidcAccess({
      issuer: name,
      audience,
      claimNames,
      workspaces,
      accessChanges: new ManualAccessChanges(),
      clock,
      log,
    });
    return new Authenticator({ store: new MemoryAccessStore({}), clock, oidc });
  }

  const authenticate = (token: string, header = 'authorization'): Promise<Caller | undefined> => {
    const headers = new Headers({ [header]: header === 'authorization' ? `Bearer ${token}` : token });
    return authenticator.authenticate(headers, new AbortController().signal);
  };
  const authenticateClaims = async (claims: Claims, options: TokenOptions = {}): Promise<Caller | undefined> =>
    authenticate(await issuer.sign({ ...granted, ...claims }, now, options));
  const advance = (ms: number): void => {
    time = new Date(time.getTime() + ms);
  };

  it('answers a user of the issuer, with what the claims grant', async () => {
    const caller = await authenticateClaims({});
    expect(caller).to.deep.include({
      kind: 'user',
      name: 'alice',
      authentication: 'oidc',
      sessionId: null,
      isOwner: false,
      dialect: null,
      defaultWorkspaceId: first,
      grants: [{ workspaceId: first, role: 'EDITOR', mayReveal: true }],
    });
    expect(caller?.userId).to.equal(caller?.id);
  });

  it('accepts a token in x-api-key as well', async () => {
    expect(await authenticate(await issuer.sign(granted, now), 'x-api-key')).to.include({ name: 'alice' });
  });

  it('recognizes the same subject, and distinguishes subjects', async () => {
    const [alice, again, bob] = [
      await authenticateClaims({}),
      await authenticateClaims({}),
      await authenticateClaims({ sub: 'bob' }),
    ];
    expect(again?.id).to.equal(alice?.id);
    expect(bob?.id).not.to.equal(alice?.id);
  });

  /** A discovery document that says what it ought to, but for a change. */
  const discovery = (change: object): string =>
    JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...change });

  describe('what is granted', () => {
    it('is a workspace by its short id', async () => {
      const caller = await authenticateClaims({ coffer_workspace: formatShortId('workspace', second) });
      expect(caller?.grants).to.deep.equal([{ workspaceId: second, role: 'EDITOR', mayReveal: true }]);
    });

    it('is several workspaces, the first by default, each with its own role', async () => {
      const caller = await authenticateClaims({ coffer_workspace: [second, first], coffer_role: ['VIEWER', 'ADMIN'] });
      expect(caller?.defaultWorkspaceId).to.equal(second);
      expect(caller?.grants.map(({ workspaceId, role }) => [workspaceId, role])).to.deep.equal([
        [second, 'VIEWER'],
        [first, 'ADMIN'],
      ]);
    });

    it('is nothing in a workspace that does not exist', async () => {
      const caller = await authenticateClaims({ coffer_workspace: [absent, first] });
      expect(caller?.grants.map(({ workspaceId }) => workspaceId)).to.deep.equal([first]);
    });

    it('is the first role of a workspace that is named twice', async () => {
      const caller = await authenticateClaims({
        coffer_workspace: [first, formatShortId('workspace', first)],
        coffer_role: ['VIEWER', 'ADMIN'],
      });
      expect(caller?.grants).to.deep.equal([{ workspaceId: first, role: 'VIEWER', mayReveal: true }]);
    });

    const nothing: Record<string, Claims> = {
      'no workspace': { coffer_workspace: undefined },
      'no role': { coffer_role: undefined },
      'a workspace that does not exist': { coffer_workspace: absent },
      'a workspace that is no id': { coffer_workspace: 'default' },
      'an owner': { coffer_role: 'OWNER' },
      'a role in lower case': { coffer_role: 'admin' },
      'a workspace that is no text': { coffer_workspace: { id: first } },
      'more roles than workspaces': { coffer_role: ['VIEWER', 'EDITOR'] },
    };
    for (const [title, claims] of Object.entries(nothing)) {
      it(`is nothing to a token that names ${title}: it is refused`, async () => {
        expect(await vaultCodeOf(authenticateClaims(claims))).to.equal('token_invalid');
      });
    }
  });

  describe('refuses', () => {
    const invalid: Record<string, Claims> = {
      'another audience': { aud: 'https://other.example' },
      'no audience': { aud: undefined },
      'another issuer': { iss: 'https://other.example' },
      'an issuer with a slash more': { iss: 'SLASH' },
      'no subject': { sub: undefined },
      'an empty subject': { sub: '' },
      'a subject with a control character': { sub: 'a\0b' },
      'a subject with half a character': { sub: 'a\ud800' },
      'a subject that is too long': { sub: 'a'.repeat(256) },
      'no expiry': { exp: undefined },
      'a time before which it is not good': { nbf: seconds + 61 },
      'a time of issue that is yet to come': { iat: seconds + 61 },
      'a key that its holder would have to prove': { cnf: { jkt: 'x' } },
    };
    for (const [title, claims] of Object.entries(invalid)) {
      it(`a token with ${title}`, async () => {
        const formatted = claims.iss === 'SLASH' ? { ...claims, iss: `${issuer.url}/` } : claims;
        expect(await vaultCodeOf(authenticateClaims(formatted))).to.equal('token_invalid');
      });
    }

    it('a token once it is over, but for a minute between the clocks', async () => {
      expect(await vaultCodeOf(authenticateClaims({ exp: seconds - 60 }))).to.equal('token_expired');
      expect(await vaultCodeOf(authenticateClaims({ exp: seconds - 59 }))).to.equal(undefined);
      expect(await vaultCodeOf(authenticateClaims({ nbf: seconds + 60, iat: seconds + 60 }))).to.equal(undefined);
    });

    it('a forged token without revealing that it has expired', async () => {
      const forger = await newSigningKey('first');
      expect(await vaultCodeOf(authenticateClaims({ exp: seconds - 600 }, { key: forger }))).to.equal('token_invalid');
    });

    it('a token of another type, such as one that ends a session', async () => {
      for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', '']) {
        expect(await vaultCodeOf(authenticateClaims({}, { header: { typ } })), typ).to.equal('token_invalid');
      }
      for (const typ of ['JWT', 'AT+JWT', 'application/at+jwt', undefined]) {
        expect(await vaultCodeOf(authenticateClaims({}, { header: { typ } })), typ).to.equal(undefined);
      }
    });

    it('a token without a signature', async () => {
      const unsecured = new UnsecuredJWT({
        ...granted,
        sub: 'alice',
        iss: issuer.url,
        aud: audience,
        exp: seconds + 9,
      });
      expect(await vaultCodeOf(authenticate(unsecured.encode()))).to.equal('token_invalid');
      expect(issuer.paths).to.deep.equal([]);
    });

    it('a token whose signature was cut off or changed', async () => {
      const token = await issuer.sign(granted, now);
      const [header, payload, signature = ''] = token.split('.');
      const changed = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
      for (const forged of [`${header}.${payload}.`, `${header}.${payload}.${changed}`]) {
        expect(await vaultCodeOf(authenticate(forged))).to.equal('token_invalid');
      }
    });

    it('a token whose claims were changed', async () => {
      const [header, , signature] = (await issuer.sign(granted, now)).split('.');
      const [, payload] = (await issuer.sign({ ...granted, coffer_role: 'ADMIN' }, now)).split('.');
      expect(await vaultCodeOf(authenticate(`${header}.${payload}.${signature}`))).to.equal('token_invalid');
    });

    it('a MAC whose key is the public key of the issuer', async () => {
      const rsa = await newSigningKey('rsa', 'RS256');
      issuer.use(rsa);
      const pem = createPublicKey({ key: JSON.parse(JSON.stringify(rsa.jwk)), format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString();
      const payload = { ...granted, sub: 'alice', iss: issuer.url, aud: audience, exp: seconds + 300 };
      const forged = await new SignJWT(payload)
        .setProtectedHeader({ alg: 'HS256', kid: 'rsa', typ: 'at+jwt' })
        .sign(new TextEncoder().encode(pem));
      expect(await vaultCodeOf(authenticate(forged))).to.equal('token_invalid');
    });

    it('a MAC even where the key set holds its key', async () => {
      const secret = Buffer.alloc(32, 1);
      issuer.keys = [{ kty: 'oct', kid: 'mac', k: secret.toString('base64url'), alg: 'HS256' }];
      const payload = { ...granted, sub: 'alice', iss: issuer.url, aud: audience, exp: seconds + 300 };
      const forged = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: 'mac' }).sign(secret);
      expect(await vaultCodeOf(authenticate(forged))).to.equal('token_invalid');
    });

    it('an algorithm that is not on the list', async () => {
      const key = await newSigningKey('es512', 'ES512');
      issuer.use(key);
      expect(await vaultCodeOf(authenticateClaims({}))).to.equal('token_invalid');
    });

    it('a key that the token contains, or names where to fetch', async () => {
      const forger = await newSigningKey('forger');
      await using elsewhere = await TestIssuer.start();
      elsewhere.use(forger);
      const headers = [
        { jwk: forger.jwk },
        { jku: `${elsewhere.url}/keys` },
        { x5u: `${elsewhere.url}/keys` },
        { x5c: [Buffer.from('certificate').toString('base64')] },
      ];
      for (const header of headers) {
        expect(await vaultCodeOf(authenticateClaims({}, { key: forger, header }))).to.equal('token_invalid');
        expect(
          await vaultCodeOf(authenticateClaims({}, { key: forger, header: { ...header, kid: 'first' } })),
        ).to.equal('token_invalid');
      }
      expect(elsewhere.paths).to.deep.equal([]);
    });

    it('key ids that are made up', async () => {
      const forger = await newSigningKey('forger');
      for (const kid of ['', '../../keys', '__proto__', "' or 1=1 --", 'http://127.0.0.1/keys', 'é'.repeat(1_000)]) {
        expect(await vaultCodeOf(authenticateClaims({}, { key: forger, header: { kid } })), kid).to.equal(
          'token_invalid',
        );
      }
    });

    it('extensions that it does not know', async () => {
      const token = await issuer.sign(granted, now);
      const [, payload, signature] = token.split('.');
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'first', crit: ['exp'], exp: 1 }));
      expect(await vaultCodeOf(authenticate(`${header.toString('base64url')}.${payload}.${signature}`))).to.equal(
        'token_invalid',
      );
    });

    for (const token of ['a.b.c', '...', 'a.b.', 'eyJ.eyJ.x', `${'a'.repeat(600)}.b.c`]) {
      it(`what looks like a token and is none: ${token.slice(0, 20)}`, async () => {
        expect(await vaultCodeOf(authenticate(token))).to.equal('token_invalid');
      });
    }

    it('a token of more than 16 KiB', async () => {
      const token = await issuer.sign({ ...granted, padding: 'x'.repeat(12_500) }, now);
      expect(token.length).to.be.greaterThan(16_384);
      expect(await vaultCodeOf(authenticate(token))).to.equal('token_invalid');
      const shorter = await issuer.sign({ ...granted, padding: 'x'.repeat(8_000) }, now);
      expect(await vaultCodeOf(authenticate(shorter))).to.equal(undefined);
    });

    it('every token where no issuer is configured', async () => {
      authenticator = new Authenticator({ store: new MemoryAccessStore({}), clock: { now: () => now } });
      expect(await vaultCodeOf(authenticateClaims({}))).to.equal('token_invalid');
    });
  });

  describe('algorithms', () => {
    for (const alg of ['RS256', 'RS384', 'PS256', 'ES256', 'EdDSA', 'Ed25519']) {
      it(`include ${alg}`, async () => {
        issuer.use(await newSigningKey('only', alg));
        expect(await authenticateClaims({})).to.include({ name: 'alice' });
      });
    }
  });

  describe("the issuer's keys", () => {
    it('are fetched once for many tokens, also for those that come together', async () => {
      const token = await issuer.sign(granted, now);
      await Promise.all(Array.from({ length: 20 }, () => authenticate(token)));
      await authenticate(token);
      expect(issuer.paths).to.deep.equal(['/.well-known/openid-configuration', '/keys']);
    });

    it('are fetched anew for a token that names another one', async () => {
      await authenticateClaims({});
      issuer.use(await newSigningKey('second'));
      advance(keysCooldownMs);
      expect(await authenticateClaims({})).to.include({ name: 'alice' });
    });

    it('that are no longer published are no longer good', async () => {
      const old = issuer.key;
      await authenticateClaims({});
      issuer.use(await newSigningKey('second'));
      advance(keysCooldownMs);
      await authenticateClaims({});
      expect(await vaultCodeOf(authenticateClaims({}, { key: old }))).to.equal('token_invalid');
    });

    it('that it has just begun to use are fetched at once', async () => {
      await authenticateClaims({});
      issuer.use(await newSigningKey('second'));
      expect(await authenticateClaims({})).to.include({ name: 'alice' });
    });

    it('that it has just begun to use are found however many key ids are made up', async () => {
      const forger = await newSigningKey('forger');
      const spam = async (): Promise<void> => {
        for (const kid of ['a', 'b', 'c', 'd', 'e', 'second']) {
          await vaultCodeOf(authenticateClaims({}, { key: forger, header: { kid } }));
        }
      };
      await spam();
      issuer.use(await newSigningKey('second'));
      const waitMs = await retryAfterOf(authenticateClaims({}));
      expect(waitMs).to.be.within(1, keysCooldownMs);
      advance(waitMs);
      await spam();
      expect(await authenticateClaims({})).to.include({ name: 'alice' });
      expect(issuer.paths.filter((path) => path === '/keys')).to.have.lengthOf(fetchesAtOnceMax + 1);
    });

    it('that it has just begun to use are found where its tokens name no key', async () => {
      const unnamed = { header: { kid: undefined } };
      expect(await authenticateClaims({}, unnamed)).to.include({ name: 'alice' });
      const forged = { ...unnamed, key: await newSigningKey('second') };
      expect(await vaultCodeOf(authenticateClaims({}, forged))).to.equal('token_invalid');
      issuer.use(await newSigningKey('second'));
      expect(await authenticateClaims({}, unnamed)).to.include({ name: 'alice' });
      await vaultCodeOf(authenticateClaims({}, forged));
      issuer.use(await newSigningKey('third'));
      advance(await retryAfterOf(authenticateClaims({}, unnamed)));
      expect(await authenticateClaims({}, unnamed)).to.include({ name: 'alice' });
    });

    it('decide nothing about a token that any key would refuse', async () => {
      await authenticateClaims({});
      const forger = await newSigningKey('forger');
      for (const claims of [{ iss: 'https://other.example' }, { exp: seconds - 61 }, { exp: 'never' }]) {
        expect(await vaultCodeOf(authenticateClaims(claims, { key: forger }))).to.equal('token_invalid');
      }
      expect(issuer.paths.filter((path) => path === '/keys')).to.have.lengthOf(1);
    });

    it('that could not be fetched anew leave a token of another key undecided', async () => {
      await authenticateClaims({});
      issuer.override = (_, response) => response.writeHead(500).end();
      advance(keysCooldownMs);
      const key = await newSigningKey('second');
      expect(await retryAfterOf(authenticateClaims({}, { key }))).to.be.within(1, keysCooldownMs);
    });

    it('are fetched anew for made-up key ids a few times at once, then at most once a while', async () => {
      const forger = await newSigningKey('forger');
      const spam = async (): Promise<number> => {
        for (let kid = 0; kid < 20; kid += 1) {
          await vaultCodeOf(authenticateClaims({}, { key: forger, header: { kid: `made-up ${kid}` } }));
        }
        return issuer.paths.filter((path) => path === '/keys').length;
      };
      expect(await spam()).to.equal(fetchesAtOnceMax);
      advance(keysCooldownMs - 1);
      expect(await spam()).to.equal(fetchesAtOnceMax);
      advance(1);
      expect(await spam()).to.equal(fetchesAtOnceMax + 1);
      advance(20 * keysCooldownMs);
      expect(await spam()).to.equal(2 * fetchesAtOnceMax + 1);
    });

    it('stay good for a while when the issuer can not be reached, and no longer', async () => {
      const token = await issuer.sign({ ...granted, exp: seconds + 86_400 }, now);
      await authenticate(token);
      issuer.override = (_, response) => response.writeHead(500).end();
      advance(keysUsableMs - 1);
      expect(await authenticate(token)).to.include({ name: 'alice' });
      advance(keysCooldownMs);
      expect(await vaultCodeOf(authenticate(token))).to.equal('unavailable');
    });

    it('are renewed when they are old, without anybody waiting for it', async () => {
      const token = await issuer.sign({ ...granted, exp: seconds + 86_400 }, now);
      await authenticate(token);
      const asked = Promise.withResolvers<void>();
      issuer.override = () => asked.resolve();
      advance(keysFreshMs);
      // The issuer does not answer at all.
      expect(await authenticate(token)).to.include({ name: 'alice' });
      await asked.promise;
      expect(warnings).to.deep.equal([]);
    });

    it('that are for encryption, private or malformed do not count, and spoil no other', async () => {
      const { jwk } = issuer.key;
      const good = await newSigningKey('good');
      issuer.use(good);
      issuer.keys = [
        { ...jwk, use: 'enc' },
        { ...jwk, key_ops: ['deriveBits'] },
        { kty: 'EC' },
        { kty: 5 },
        'key',
        null,
        { kty: 'RSA', kid: 'weak', n: 'AQAB', e: 'AQAB', alg: 'RS256' },
        good.jwk,
      ];
      expect(await authenticateClaims({})).to.include({ name: 'alice' });
    });

    for (const change of [{ use: 'enc' }, { key_ops: ['deriveBits'] }, { alg: 'ES384' }]) {
      it(`that are for something else sign nothing: ${JSON.stringify(change)}`, async () => {
        issuer.keys = [{ ...issuer.key.jwk, ...change }];
        expect(await vaultCodeOf(authenticateClaims({}))).to.equal('token_invalid');
      });
    }

    it('that are too weak refuse the token, and are logged', async () => {
      const { key } = issuer;
      issuer.keys = [{ kty: 'RSA', kid: 'weak', n: 'AQAB', e: 'AQAB', alg: 'RS256' }];
      const [, payload, signature] = (await issuer.sign(granted, now, { key })).split('.');
      const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'weak' })).toString('base64url');
      expect(await vaultCodeOf(authenticate(`${header}.${payload}.${signature}`))).to.equal('token_invalid');
      expect(warnings.join()).to.include('damaged or too weak');
    });
  });

  describe('an issuer', () => {
    it('that is down makes tokens unavailable, and none invalid, until it is up', async () => {
      const token = await issuer.sign(granted, now);
      const { port } = new URL(issuer.url);
      await issuer.stop();
      expect(await vaultCodeOf(authenticate(token))).to.equal('unavailable');
      await issuer.listen(Number(port));
      // It is not asked again at once.
      expect(await vaultCodeOf(authenticate(token))).to.equal('unavailable');
      advance(keysCooldownMs);
      expect(await authenticate(token)).to.include({ name: 'alice' });
      expect(warnings, warnings.join()).to.have.lengthOf(1);
      expect(warnings.join()).not.to.include(token);
    });

    const broken: Record<string, () => string> = {
      'that calls itself otherwise': () => discovery({ issuer: `${issuer.url}/` }),
      'without a key set': () => discovery({ jwks_uri: undefined }),
      'whose keys would come without TLS': () => discovery({ jwks_uri: 'http://issuer.example/keys' }),
      'whose keys would be read from a file': () => discovery({ jwks_uri: 'file:///etc/passwd' }),
      'whose document is no object': () => '[]',
      'whose document is no JSON': () => '{"issuer": secret',
      'whose document is huge': () => discovery({ padding: 'x'.repeat(documentBytesMax) }),
    };
    for (const [title, document] of Object.entries(broken)) {
      it(`${title} is not believed`, async () => {
        issuer.override = (_, response) => response.end(document());
        expect(await vaultCodeOf(authenticateClaims({}))).to.equal('unavailable');
        expect(issuer.paths).to.have.lengthOf(1);
        expect(warnings.join()).not.to.include('secret');
      });
    }

    it('whose key set is huge is not believed', async () => {
      issuer.keys = Array.from({ length: 3_000 }, (_, index) => ({ ...issuer.key.jwk, kid: String(index) }));
      expect(await vaultCodeOf(authenticateClaims({}))).to.equal('unavailable');
    });

    it('whose key set never ends is let go of', async () => {
      const closed = Promise.withResolvers<void>();
      issuer.override = (request, response) => {
        if (request.url !== '/keys') {
          response.end(discovery({}));
          return;
        }
        const feed = () =>
          response.write('x'.repeat(65_536), () => (response.destroyed ? undefined : setImmediate(feed)));
        response.once('close', () => closed.resolve());
        feed();
      };
      expect(await vaultCodeOf(authenticateClaims({}))).to.equal('unavailable');
      await closed.promise;
    });

    it('that sends one elsewhere is not followed', async () => {
      await using elsewhere = await TestIssuer.start();
      issuer.override = (request, response) =>
        response.writeHead(302, { location: `${elsewhere.url}${request.url}` }).end();
      expect(await vaultCodeOf(authenticateClaims({}))).to.equal('unavailable');
      expect(elsewhere.paths).to.deep.equal([]);
    });
  });
});
