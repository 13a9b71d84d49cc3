import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { format } from 'prettier';
import { dialectNames } from '../../../src/dialects/index.ts';
import { inStoredNames, secretFieldsOf, type SentFields } from '../../../src/dialects/shared/secret-fields.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import { providers } from '../../../src/dialects/shared/provider-catalogue.ts';
import { Secret } from '../../../src/vault/secret.ts';
import { sampleCredential } from '../sample-credential.ts';

const page = resolve(import.meta.dirname, '../../../docs/secret-fields.md');
const begin =
  '<!-- The table begins. WRITE_SECRET_FIELDS=1 writes it: see test/dialects/shared/secret-fields.test.ts. -->\n\n';
const end = '\n<!-- The table ends. -->';

const isUnchanged = (value: unknown) => value === '***';
const flowise = { dialect: 'flowise', isUnchanged };
const mielto = { dialect: 'mielto', isUnchanged };
const credential = sampleCredential({ origin: 'coffer', authType: 'api_key' });

describe('the names of secret fields', () => {
  it('are those in docs/secret-fields.md', async () => {
    const text = await readFile(page, 'utf8');
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
    expect(from, 'the page has lost its marks').to.be.within(begin.length, to);
    const fresh = await table();
    if (process.env['WRITE_SECRET_FIELDS'] === '1') await writeFile(page, text.slice(0, from) + fresh + text.slice(to));
    else expect(text.slice(from, to)).to.equal(fresh);
  });

  const renamed: readonly [string, SentFields, JsonObject, JsonObject][] = [
    ["Flowise's one secret field", { ...flowise, sent: { openAIApiKey: 'n' } }, { key: 'o' }, { key: 'n' }],
    [
      'the same beside a marker for the stored one',
      { ...flowise, sent: { key: '***', openAIApiKey: 'n' } },
      { key: 'o' },
      { key: 'n' },
    ],
    [
      'the same beside a text',
      { ...flowise, provider: 'azureOpenAIApi', sent: { azureOpenAIApiKey: 'n', azureOpenAIApiVersion: '1' } },
      { key: 'o' },
      { key: 'n', azureOpenAIApiVersion: '1' },
    ],
    [
      'the one field of a component without secrets',
      { ...flowise, provider: 'redis', sent: { redisUrl: 'n' } },
      { key: 'o' },
      { key: 'n' },
    ],
    [
      'any field where no component is known',
      { ...flowise, provider: 'acme', sent: { a: 'n' } },
      { key: 'o' },
      { key: 'n' },
    ],
    ["Mielto's one field", { ...mielto, sent: { api_key: 'n' } }, { key: 'o' }, { key: 'n' }],
    [
      "Mielto's one field beside masks",
      { ...mielto, sent: { api_key: 'n', b: '***' } },
      { key: 'o' },
      { key: 'n', b: '***' },
    ],
    ['a mask of another name', { ...mielto, sent: { api_key: '***' } }, { key: 'o' }, { key: '***' }],
  ];
  for (const [title, change, present, expected] of renamed) {
    it(`become that of the one stored field: ${title}`, () => {
      expect(inStoredNames(change, new Secret(present), credential)).to.deep.equal(expected);
    });
  }

  const kept: readonly [string, SentFields, JsonObject][] = [
    ['the stored name', { ...flowise, sent: { key: 'n' } }, { key: 'o' }],
    ['the stored name among several', { ...mielto, sent: { key: 'n', b: 'n' } }, { key: 'o' }],
    ['a field that is none of the component', { ...flowise, sent: { organization: 'n' } }, { key: 'o' }],
    ['two stored fields', { ...flowise, sent: { openAIApiKey: 'n' } }, { a: 'o', b: 'o' }],
    ['no stored field', { ...mielto, sent: { a: 'n' } }, {}],
    [
      'several secret fields, one of them stored',
      { ...flowise, provider: 'aws', sent: { awsKey: 'n' } },
      { awsKey: 'o' },
    ],
    ['nothing but markers', { ...flowise, provider: 'aws', sent: { key: '***', awsKey: '***' } }, { key: 'o' }],
    ['texts alone', { ...flowise, provider: 'aws', sent: { roleArn: 'n' } }, { key: 'o' }],
    ['names of every object', { ...mielto, sent: { a: 'n', b: 'n' } }, { a: 'o', toString: 'o' }],
  ];
  for (const [title, change, present] of kept) {
    it(`stay as they are sent: ${title}`, () => {
      expect(inStoredNames(change, new Secret(present), credential)).to.deep.equal(change.sent);
    });
  }

  it('stay as they are sent to a credential of the same dialect', () => {
    const own = sampleCredential({ origin: 'flowise', authType: 'api_key' });
    const sent = { openAIApiKey: 'n' };
    expect(inStoredNames({ ...flowise, sent }, new Secret({ key: 'o' }), own)).to.equal(sent);
  });

  const refused: readonly [string, SentFields][] = [
    ['several secret fields of a component', { ...flowise, provider: 'binance', sent: { apiKey: 'n' } }],
    ['several fields of no component', { ...flowise, provider: 'acme', sent: { a: 'n', b: 'n' } }],
    ["several of Mielto's", { ...mielto, sent: { username: 'n', password: 'n' } }],
  ];
  for (const [title, change] of refused) {
    it(`are refused where none is the one that is stored: ${title}`, () => {
      expect(() => inStoredNames(change, new Secret({ key: 'o' }), credential))
        .to.throw(VaultError)
        .with.property('code', 'invalid_argument');
    });
  }
});

/** One row a provider, one column a dialect. */
async function table(): Promise<string> {
  const rows = [...providers.map(({ key }) => key), 'any other'].map((provider) => {
    const cells = dialectNames.map((dialect) => cellOf(secretFieldsOf(dialect, provider)));
    return `| ${provider} | ${cells.join(' | ')} |`;
  });
  const lines = [`| provider | ${dialectNames.join(' | ')} |`, `|${'---|'.repeat(dialectNames.length + 1)}`, ...rows];
  return format(lines.join('\n'), { parser: 'markdown' });
}

function cellOf(names: readonly string[] | undefined): string {
  return names === undefined ? 'any' : names.map((name) => `\`${name}\``).join(', ');
}
