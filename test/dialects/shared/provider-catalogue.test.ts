import { expect } from 'chai';
import { findField, findProvider, providers, spellingsOf } from '../../../src/dialects/shared/provider-catalogue.ts';

const isUnique = (names: readonly string[]) => new Set(names).size === names.length;
const kindOf = (provider: string, field: string) => findField(provider, field)?.kind;

describe('the catalogue of providers', () => {
  it('knows those that platforms use most', () => {
    const keys = providers.map(({ key }) => key);
    expect(keys).to.include.members(['openai', 'anthropic', 'slack', 'binance', 'google', 'azure', 'aws', 'github']);
    expect(keys).to.include.members(['cohere', 'mistral', 'huggingface', 'pinecone', 'custom']);
  });

  it('gives no name to two providers, in whatever case of letters', () => {
    const names = providers.flatMap(({ key, component, aliases }) => [key, component.toLowerCase(), ...aliases]);
    // A key may be its component's name in small letters.
    const shared = providers.filter(({ key, component }) => component.toLowerCase() === key).length;
    expect(new Set(names).size).to.equal(names.length - shared);
  });

  it('gives no provider two fields of a name', () => {
    for (const { key, fields } of providers) {
      expect(fields, key).to.not.deep.equal([]);
      expect(
        isUnique(fields.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]))),
        key,
      ).to.equal(true);
    }
  });

  it('has keys and aliases in lower case', () => {
    for (const { key, aliases } of providers) {
      for (const name of [key, ...aliases]) expect(name).to.equal(name.toLowerCase());
    }
  });

  for (const name of ['openai', 'OPENAI', 'openAIApi', 'OpenAI']) {
    it(`finds OpenAI by ${name}`, () => {
      expect(findProvider(name)).to.include({ key: 'openai', component: 'openAIApi' });
    });
  }

  for (const name of ['', 'unheard-of', 'custom.crm', 'toString', '__proto__', 'constructor']) {
    it(`finds nothing by ${JSON.stringify(name)}`, () => {
      expect(findProvider(name)).to.equal(undefined);
      expect(findField(name, name)).to.equal(undefined);
    });
  }

  it('lists the spellings that each dialect stores, by all of which it finds the provider', () => {
    for (const provider of providers) {
      const spellings = spellingsOf(provider);
      expect(spellings).to.include.members([provider.key, provider.key.toUpperCase(), provider.component]);
      expect(new Set(spellings.map(findProvider))).to.deep.equal(new Set([provider]));
    }
  });

  it('distinguishes secrets from addresses and other text', () => {
    expect(kindOf('upstash', 'upstashConnectionToken')).to.equal('secret');
    expect(kindOf('upstash', 'upstashConnectionUrl')).to.equal('url');
    expect(kindOf('azureOpenAIApi', 'azureOpenAIApiInstanceName')).to.equal('text');
    expect(kindOf('openai', 'password')).to.equal(undefined);
  });

  it("knows how Slack's bot tokens begin, by either name of the field", () => {
    for (const name of ['botToken', 'bot_token']) expect(findField('SLACK', name)).to.include({ prefix: 'xoxb-' });
  });
});
