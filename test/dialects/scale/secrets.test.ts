import { expect } from 'chai';
import { secretChangeFromPayload, payloadOf, secretFromPayload } from '../../../src/dialects/scale/secrets.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import { Secret } from '../../../src/vault/secret.ts';
import { sampleCredential } from '../sample-credential.ts';

describe("scale's payload", () => {
  it('is one field of the secret, also where it is JSON', () => {
    expect(secretFromPayload('{"a":1}').expose()).to.deep.equal({ payload: '{"a":1}' });
    expect(payloadOf(secretFromPayload('{"a":1}'))).to.equal('{"a":1}');
  });

  const shown: readonly [string, JsonObject, string][] = [
    ['the text of the only field', { api_key: 'k' }, 'k'],
    ['an empty text', { api_key: '' }, ''],
    ['the payload among others', { payload: 'p', other: 'o' }, 'p'],
    ['several fields as JSON', { user: 'u', password: 'p' }, '{"user":"u","password":"p"}'],
    ['a field that is no text as JSON', { list: ['a'] }, '{"list":["a"]}'],
    ['a payload that is no text as JSON', { payload: 1 }, '{"payload":1}'],
  ];
  for (const [title, fields, payload] of shown) {
    it(`is, of the secret of another dialect, ${title}`, () => {
      expect(payloadOf(new Secret(fields))).to.equal(payload);
    });
  }

  const replaced: readonly [string, JsonObject, string, JsonObject][] = [
    ['a payload', { payload: 'old' }, 'new', { payload: 'new' }],
    ['the only field', { api_key: 'old' }, 'new', { api_key: 'new' }],
    ['the only field, by JSON as well', { api_key: 'old' }, '{"a":1}', { api_key: '{"a":1}' }],
    ['a payload, and leaves what is beside it', { payload: 'old', other: 'o' }, 'new', { payload: 'new', other: 'o' }],
    ['several fields by JSON', { a: '1', b: '2' }, '{"a":"3","c":"4"}', { a: '3', c: '4' }],
    ['several fields by JSON with masks', { a: '1', b: '2' }, '{"a":"***","b":"3"}', { a: '1', b: '3' }],
    ['several fields by a text', { a: '1', b: '2' }, 'new', { payload: 'new' }],
    ['several fields by a list', { a: '1', b: '2' }, '["new"]', { payload: '["new"]' }],
    ['several fields by JSON of one text', { a: '1', b: '2' }, '{"a":"***"}', { payload: '{"a":"1"}' }],
    ['nothing by a mask', { a: '1', b: '2' }, '********', { a: '1', b: '2' }],
    ['nothing of a payload by a mask', { payload: 'old' }, '[redacted]', { payload: 'old' }],
  ];
  for (const [title, current, payload, fields] of replaced) {
    it(`replaces ${title}`, () => {
      const { secret } = secretChangeFromPayload(payload).merge(
        new Secret(current),
        sampleCredential({ origin: 'coffer', authType: 'api_key' }),
      );
      expect(secret.expose()).to.deep.equal(fields);
    });
  }
});
