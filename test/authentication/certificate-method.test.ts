import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { hashCertificateName } from '../../src/authentication/tokens.ts';
import type { ApiKey } from '../../src/vault/identity/identity.ts';
import { createAuthority } from '../gateway/certificates.ts';
import { clock, MemoryAccessStore, now, someApiKey } from './memory-access-store.ts';
import { vaultCodeOf } from '../support/refusals.ts';

const authority = createAuthority();
const certificateOf = (names: readonly string[], notAfter = new Date('2049-01-01')) =>
  new X509Certificate(authority.issue('client', { names, notAfter }).certificate);

const uri = 'URI:spiffe://example.org/billing';
const host = 'DNS:billing.example';
const both = certificateOf([host, uri]);
const token = `cof_${'k'.repeat(43)}`;
const signal = new AbortController().signal;

const keyOf = (name: string, change: Partial<ApiKey> = {}): ApiKey =>
  someApiKey(token, { hash: hashCertificateName(name), prefix: name, name, ...change });

const authenticateBy = (apiKeys: readonly ApiKey[], certificate = both, headers: Record<string, string> = {}) =>
  new Authenticator({ store: new MemoryAccessStore({ apiKeys }), clock }).authenticate(
    new Headers(headers),
    signal,
    certificate,
  );

describe('certificateMethod', () => {
  it("answers the key that was issued for the certificate's name", async () => {
    expect(await authenticateBy([keyOf(host)])).to.deep.include({
      kind: 'api_key',
      name: host,
      authentication: 'client_certificate',
      isOwner: false,
      grants: [{ workspaceId: keyOf(host).workspaceId, role: 'EDITOR', mayReveal: true }],
    });
  });

  it('takes the URI where both names are known', async () => {
    expect(await authenticateBy([keyOf(host), keyOf(uri)])).to.include({ name: uri });
  });

  it('authenticates no caller where no name is known', async () => {
    expect(await authenticateBy([keyOf('DNS:other.example')])).to.equal(undefined);
  });

  it('does not authenticate by the name of the subject', async () => {
    expect(await authenticateBy([keyOf('DNS:client')])).to.equal(undefined);
  });

  it('refuses a key that was revoked, though another name has a valid one', async () => {
    expect(await vaultCodeOf(authenticateBy([keyOf(uri, { revokedAt: now }), keyOf(host)]))).to.equal('token_invalid');
  });

  it('refuses a key at the very moment of its expiry, and not before', async () => {
    expect(await vaultCodeOf(authenticateBy([keyOf(uri, { expiresAt: now })]))).to.equal('token_expired');
    expect(await vaultCodeOf(authenticateBy([keyOf(uri, { expiresAt: new Date(now.getTime() + 1) })]))).to.equal(
      undefined,
    );
  });

  it('refuses a certificate that has expired since its handshake', async () => {
    expect(await vaultCodeOf(authenticateBy([keyOf(uri)], certificateOf([uri], now)))).to.equal('token_expired');
  });

  it('does not count beside a token, be it good or bad', async () => {
    const apiKeys = [keyOf(uri), someApiKey(token)];
    const sent = { authorization: `Bearer ${token}` };
    expect(await authenticateBy(apiKeys, both, sent)).to.include({ name: 'billing', authentication: 'api_key' });
    for (const authorization of ['Bearer junk', `Bearer cof_${'u'.repeat(43)}`]) {
      expect(await vaultCodeOf(authenticateBy(apiKeys, both, { authorization }))).to.equal('token_invalid');
    }
  });

  const pages: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'none' },
  ];
  for (const headers of pages) {
    it(`does not count for a request of a browser: ${JSON.stringify(headers)}`, async () => {
      expect(await authenticateBy([keyOf(uri)], both, headers)).to.equal(undefined);
    });
  }

  it('is not had by a token that contains the name', async () => {
    for (const text of [uri, `san:${uri}`, host]) {
      const headers = { authorization: `Bearer ${text}` };
      expect(await vaultCodeOf(authenticateBy([keyOf(uri)], certificateOf([]), headers)), text).to.equal(
        'token_invalid',
      );
    }
  });
});
