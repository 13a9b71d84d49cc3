import { expect } from 'chai';
import { keySetUrlOf, IssuerDocumentError } from '../../../src/authentication/oidc/issuer-documents.ts';
import type { JsonValue } from '../../../src/vault/json.ts';

const urlOf = (issuer: string, url: JsonValue) => keySetUrlOf({ jwks_uri: url }, issuer);
const secure = 'https://issuer.example';
const local = 'http://127.0.0.1:8080';

describe('keySetUrlOf', () => {
  it('may be on another host', () => {
    expect(urlOf(secure, 'https://keys.example/set')).to.equal('https://keys.example/set');
  });

  it('may do without TLS where the issuer does, on this machine', () => {
    expect(urlOf(local, `${local}/keys`)).to.equal(`${local}/keys`);
    expect(urlOf(local, 'https://keys.example/set')).to.equal('https://keys.example/set');
  });

  const refused: [string, JsonValue][] = [
    [secure, `${local}/keys`],
    [secure, 'http://issuer.example/keys'],
    [local, 'http://issuer.example/keys'],
    [local, 'http://127.0.0.1.example/keys'],
    [local, 'http://169.254.169.254/keys'],
    [secure, 'https://user:password@issuer.example/keys'],
    [secure, 'file:///etc/passwd'],
    [secure, 'data:application/json,{"keys":[]}'],
    [secure, '/keys'],
    [secure, null],
    [secure, ['https://issuer.example/keys']],
  ];
  for (const [issuer, url] of refused) {
    it(`is not ${JSON.stringify(url)} for ${issuer}`, () => {
      expect(() => urlOf(issuer, url)).to.throw(IssuerDocumentError);
    });
  }
});
