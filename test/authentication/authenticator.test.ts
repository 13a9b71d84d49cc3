import { expect } from 'chai';
import { array, assert, asyncProperty, constantFrom, oneof, string } from 'fast-check';
import { inspect } from 'node:util';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { clock, MemoryAccessStore, someApiKey } from './memory-access-store.ts';
import { vaultCodeOf } from '../support/refusals.ts';

const token = `cof_${'k'.repeat(43)}`;
const other = `cof_${'x'.repeat(43)}`;
const store = new MemoryAccessStore({ apiKeys: [someApiKey(token), someApiKey(other)] });
const authenticator = new Authenticator({ store, clock });
const signal = new AbortController().signal;

const authenticate = (headers: Record<string, string> | [string, string][]) =>
  authenticator.authenticate(new Headers(headers), signal);

describe('Authenticator', () => {
  const accepted: Record<string, Record<string, string>> = {
    'a bearer token': { authorization: `Bearer ${token}` },
    'a bearer token, its scheme in lower case': { authorization: `bearer ${token}` },
    'a bearer token, its scheme in upper case': { authorization: `BEARER ${token}` },
    'several spaces after the scheme': { authorization: `Bearer   ${token}` },
    'what follows the last scheme': { authorization: `Bearer Bearer ${token}` },
    'a bare token in authorization': { authorization: token },
    'an x-api-key': { 'x-api-key': token },
    'the same token in both headers': { authorization: `Bearer ${token}`, 'x-api-key': token },
    'an x-api-key beside an empty authorization': { authorization: '', 'x-api-key': token },
  };
  for (const [title, headers] of Object.entries(accepted)) {
    it(`accepts ${title}`, async () => {
      expect(await authenticate(headers)).to.include({ kind: 'api_key', name: 'billing' });
    });
  }

  const absent: Record<string, Record<string, string>> = {
    'no header': {},
    'empty headers': { authorization: '', 'x-api-key': '  ' },
    'a scheme alone': { authorization: 'Bearer ' },
  };
  for (const [title, headers] of Object.entries(absent)) {
    it(`finds no token in ${title}`, async () => {
      expect(await authenticate(headers)).to.equal(undefined);
    });
  }

  const refused: Record<string, Record<string, string> | [string, string][]> = {
    'a token that nobody has': { authorization: `Bearer cof_${'u'.repeat(43)}` },
    'different tokens in the two headers': { authorization: `Bearer ${token}`, 'x-api-key': other },
    'an authorization that was sent twice': [
      ['authorization', `Bearer ${other}`],
      ['authorization', `Bearer ${token}`],
    ],
    'the same authorization sent twice': [
      ['authorization', `Bearer ${token}`],
      ['authorization', `Bearer ${token}`],
    ],
    'an x-api-key that was sent twice': [
      ['x-api-key', token],
      ['x-api-key', token],
    ],
    'another scheme': { authorization: `Basic ${Buffer.from(`user:${token}`).toString('base64')}` },
    'another scheme before a token': { authorization: `Token ${token}` },
    'a token with something behind it': { authorization: `Bearer ${token} trailing` },
    'a token cut short': { authorization: `Bearer ${token.slice(0, -1)}` },
    'a token in another case': { authorization: `Bearer ${token.toUpperCase()}` },
    'a comma behind a token': { 'x-api-key': `${token},` },
    'a quoted token': { 'x-api-key': `"${token}"` },
    'letters beyond ASCII': { 'x-api-key': `cof_${'é'.repeat(43)}` },
    'control characters': { 'x-api-key': `${token.slice(0, -1)}\u0001` },
    'a huge token': { authorization: `Bearer cof_${'k'.repeat(100_000)}` },
    'a huge number of schemes': { authorization: `${'Bearer '.repeat(100_000)}${token}` },
  };
  for (const [title, headers] of Object.entries(refused)) {
    it(`refuses ${title}`, async () => {
      expect(await vaultCodeOf(authenticate(headers))).to.equal('token_invalid');
    });
  }

  it('does not look up what has no form of a token', async () => {
    const asked = new MemoryAccessStore({ apiKeys: [someApiKey(token)] });
    const headers = new Headers({ authorization: `Bearer ${'k'.repeat(47)}` });
    await vaultCodeOf(new Authenticator({ store: asked, clock }).authenticate(headers, signal));
    expect(asked.lookups).to.equal(0);
  });

  it('refuses any text that is not the token, and fails in no other way', async () => {
    const piece = oneof(
      constantFrom('Bearer ', 'bearer', ' ', ',', '\t', '"', 'cof_', 'fn_sess_', 'k'.repeat(42), token.slice(4)),
      string({ unit: 'binary', maxLength: 5 }),
    );
    const value = array(piece, { maxLength: 6 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !text.includes(token) && isHeaderValue(text));
    await assert(
      asyncProperty(value, value, async (authorization, apiKey) => {
        const answer = await outcome({ authorization, 'x-api-key': apiKey });
        expect(answer).to.be.oneOf(['anonymous', 'token_invalid']);
      }),
    );
  });

  it('never shows a token in its refusal', async () => {
    const unknown = `cof_${'u'.repeat(43)}`;
    for (const text of [unknown, `${unknown}x`, `Token ${unknown}`, `Bearer ${unknown}, Bearer ${token}`]) {
      const refusal = await authenticate({ authorization: text }).catch((error: unknown) => error);
      expect(inspect(refusal, { depth: 10 })).to.match(/^VaultError: Invalid token/);
      expect(inspect(refusal, { depth: 10 })).not.to.contain('u'.repeat(8));
    }
  });
});

async function outcome(headers: Record<string, string>): Promise<string> {
  const answer = authenticate(headers);
  return (await vaultCodeOf(answer)) ?? ((await answer) ? 'authenticated' : 'anonymous');
}

/** What no HTTP parser would hand on is out of the authenticator's reach. */
function isHeaderValue(text: string): boolean {
  try {
    return new Headers({ name: text }).has('name');
  } catch {
    return false;
  }
}
