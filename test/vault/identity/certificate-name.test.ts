import { expect } from 'chai';
import { certificateNameCharactersMax, parseCertificateName } from '../../../src/vault/identity/identity.ts';

describe('parseCertificateName', () => {
  for (const name of [
    'URI:spiffe://example.org/ns/prod/sa/billing',
    'URI:urn:uuid:1',
    'DNS:billing',
    'DNS:a-b.c_d.example',
  ]) {
    it(`takes ${name} as it is`, () => {
      expect(parseCertificateName(name)).to.equal(name);
    });
  }

  it('writes hosts in lower case, and does not change URIs', () => {
    expect(parseCertificateName('DNS:Billing.EXAMPLE')).to.equal('DNS:billing.example');
    expect(parseCertificateName('URI:spiffe://example.org/Billing')).to.equal('URI:spiffe://example.org/Billing');
  });

  const refused = [
    '',
    'billing.example',
    'spiffe://example.org/billing',
    'IP:127.0.0.1',
    'email:a@example.com',
    'uri:spiffe://example.org/billing',
    'DNS:',
    'DNS:*.example.com',
    'DNS:.example',
    'DNS:a..example',
    'DNS:a.example.',
    'DNS:a b',
    'DNS:bücher.example',
    `DNS:${'a'.repeat(64)}.example`,
    `DNS:${'a.'.repeat(127)}example`,
    'URI:',
    'URI:/billing',
    'URI:spiffe://a,b',
    'URI:spiffe://a"b',
    "URI:spiffe://a'b",
    'URI:spiffe://a\\b',
    'URI:spiffe://a b',
    'URI:spiffe://a\n',
    'URI:spiffe://ä',
  ];
  for (const name of refused) {
    it(`refuses ${JSON.stringify(name).slice(0, 40)}`, () => {
      expect(parseCertificateName(name)).to.equal(undefined);
    });
  }

  it('refuses what is too long', () => {
    const longest = `URI:spiffe://${'a'.repeat(certificateNameCharactersMax)}`.slice(0, certificateNameCharactersMax);
    expect(parseCertificateName(longest)).to.equal(longest);
    expect(parseCertificateName(`${longest}a`)).to.equal(undefined);
  });
});
