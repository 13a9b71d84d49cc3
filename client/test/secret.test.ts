import { expect } from 'chai';
import { format, inspect } from 'node:util';
import { Secret } from '../src/secret.ts';

describe('a secret of the client', () => {
  const secret = new Secret('sk-canary');
  /** As code without types uses it. */
  const printed = untyped(secret);

  it('gives its text only by expose()', () => {
    expect(secret.expose()).to.equal('sk-canary');
  });

  for (const [way, print] of Object.entries<() => string>({
    'a template': () => `a ${printed}`,
    concatenation: () => ''.concat(printed),
    'String()': () => String(secret),
    JSON: () => JSON.stringify({ secret }),
    inspect: () => inspect({ secret }, { showHidden: true, depth: 9 }),
    'a format': () => format('%s %o %O %j %d', secret, secret, secret, secret, secret),
    'an error message': () => String(new Error(`failed with ${printed}`)),
    'its properties': () =>
      JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret), Object.assign({}, secret)]),
  })) {
    it(`does not print in ${way}`, () => {
      expect(print()).not.to.include('sk-canary');
    });
  }

  it('prints as [secret]', () => {
    expect(`${printed} ${inspect(secret)} ${JSON.stringify(secret)}`).to.equal('[secret] [secret] "[secret]"');
  });
});

/** A value as code without types sees it. */
function untyped(value: unknown): string {
  return JSON.parse('""', () => value);
}
