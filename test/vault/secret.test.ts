import { expect } from 'chai';
import { format, inspect } from 'node:util';
import { Secret } from '../../src/vault/secret.ts';

describe('a secret', () => {
  const secret = new Secret({ api_key: 'plain-text-of-it' });

  it('shows [secret] however it is printed', () => {
    const printed = [
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret),
      format('%o %s %j', secret, secret, secret),
    ];
    for (const text of printed) {
      expect(text).to.include('[secret]');
      expect(text).not.to.include('plain-text-of-it');
    }
  });

  it('has no property that shows its fields', () => {
    expect(Object.keys(secret)).to.deep.equal([]);
    expect(inspect(secret, { showHidden: true, depth: 9, customInspect: false })).not.to.include('plain-text-of-it');
  });

  it('opens by expose only', () => {
    expect(secret.expose()).to.deep.equal({ api_key: 'plain-text-of-it' });
  });
});
