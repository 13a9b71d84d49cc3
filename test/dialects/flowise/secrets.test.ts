import { expect } from 'chai';
import {
  blankValues,
  mergedOver,
  replacedBy,
  showUrls,
  withoutMarkers,
} from '../../../src/dialects/flowise/secrets.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import { Secret } from '../../../src/vault/secret.ts';
import { sampleCredential } from '../sample-credential.ts';
import { blankMarker } from './flowise-test.ts';

const show = (provider: string, fields: JsonObject) => showUrls(provider, new Secret(fields));

describe("flowise's redaction", () => {
  it('shows the names of values, whatever they are called', () => {
    expect(Object.entries(blankValues(['a', '__proto__']))).to.deep.equal([
      ['a', blankMarker],
      ['__proto__', blankMarker],
    ]);
  });

  for (const name of ['url', 'baseUrl', 'BASE_URL', 'endpointURL']) {
    it(`shows ${name} of any provider`, () => {
      expect(show('unheardOf', { [name]: 'https://a.example' })).to.deep.equal({ [name]: 'https://a.example' });
    });
  }

  for (const name of ['key', 'urlToken', 'url_secret', 'URLs', '']) {
    it(`hides ${JSON.stringify(name)} of a provider that is not known`, () => {
      expect(show('unheardOf', { [name]: 'private' })).to.deep.equal({ [name]: blankMarker });
    });
  }

  it('hides text of a known provider, as the original does', () => {
    expect(show('azureOpenAIApi', { azureOpenAIApiInstanceName: 'mine' })).to.deep.equal({
      azureOpenAIApiInstanceName: blankMarker,
    });
  });

  it('shows an address of a known provider whose key does not name one', () => {
    expect(show('langfuseApi', { langFuseEndpoint: 'https://a.example' })).to.deep.equal({
      langFuseEndpoint: 'https://a.example',
    });
  });

  it('merges at the top only, and leaves marked values of any depth', () => {
    const present = { a: '1', deep: { key: 'k', region: 'eu' }, list: ['x', 'y'] };
    const sent = { deep: { key: blankMarker, zone: 'a' }, list: [blankMarker, 'z'] };
    expect(
      mergedOver({ sent })
        .merge(new Secret(present), sampleCredential({ origin: 'flowise', authType: 'api_key' }))
        .secret.expose(),
    ).to.deep.equal({
      a: '1',
      deep: { key: 'k', zone: 'a' },
      list: ['x', 'z'],
    });
  });

  it('replaces all but what is marked', () => {
    const present = new Secret({ a: '1', b: '2' });
    expect(
      replacedBy({ sent: { b: blankMarker, c: '3' } })
        .merge(present, sampleCredential({ origin: 'flowise', authType: 'api_key' }))
        .secret.expose(),
    ).to.deep.equal({ b: '2', c: '3' });
  });

  it('drops markers that stand for nothing, and no masks: those may be what is meant', () => {
    expect(withoutMarkers({ a: blankMarker, b: '****' })).to.deep.equal({ b: '****' });
  });
});
