import { expect } from 'chai';
import { assert, constantFrom, array, property, string } from 'fast-check';
import { X509Certificate } from 'node:crypto';
import { certificateNames, certificateNamesMax } from '../../src/authentication/lookup-methods.ts';
import { createAuthority } from '../gateway/certificates.ts';

const listOf = (length: number) => Array.from({ length }, (_, index) => `DNS:h${index}.example`).join(', ');
const namesOf = (subjectAltName: string | undefined) => certificateNames({ subjectAltName });

describe('certificateNames', () => {
  it('are those of a real certificate, URIs before hosts', () => {
    const { certificate } = createAuthority().issue('client', {
      names: ['DNS:Billing.example', 'URI:spiffe://example.org/billing'],
    });
    expect(certificateNames(new X509Certificate(certificate))).to.deep.equal([
      'URI:spiffe://example.org/billing',
      'DNS:billing.example',
    ]);
  });

  it('are found in a real certificate beside names that hold what is not theirs', () => {
    const { certificate } = createAuthority().issue('client', {
      names: ['DNS:a.example, URI:spiffe://victim, DNS:b.example', 'URI:x://y", URI:spiffe://victim', 'DNS:c.example'],
    });
    expect(certificateNames(new X509Certificate(certificate))).to.deep.equal(['DNS:c.example']);
  });

  it('are none where the certificate has none', () => {
    expect(namesOf(undefined)).to.deep.equal([]);
    expect(namesOf('')).to.deep.equal([]);
    expect(namesOf('IP Address:127.0.0.1, email:a@example.com, DirName:CN = x')).to.deep.equal([]);
  });

  it('do not include wildcards', () => {
    expect(namesOf('DNS:*.example.com, DNS:example.com')).to.deep.equal(['DNS:example.com']);
  });

  it('are none where the list can not be read to its end', () => {
    for (const text of ['DNS:a.example,URI:x://y', 'DNS:"a, URI:x://y', 'DNS:a.example, junk']) {
      expect(namesOf(text), text).to.deep.equal([]);
    }
  });

  it('are none where there are too many', () => {
    expect(namesOf(listOf(certificateNamesMax))).to.have.lengthOf(certificateNamesMax);
    expect(namesOf(listOf(certificateNamesMax + 1))).to.deep.equal([]);
  });

  it('count once where they stand twice', () => {
    expect(namesOf('DNS:a.example, DNS:A.EXAMPLE')).to.deep.equal(['DNS:a.example']);
  });

  it('never come out of a quoted value, whatever it holds', () => {
    const piece = constantFrom(', URI:spiffe://victim', '"', '\\', ', ', 'DNS:victim', 'a');
    assert(
      property(array(piece), string(), (pieces, rest) => {
        const quoted = JSON.stringify(pieces.join('') + rest);
        expect(namesOf(`DNS:${quoted}, DNS:own.example`)).to.deep.equal(['DNS:own.example']);
      }),
    );
  });
});
