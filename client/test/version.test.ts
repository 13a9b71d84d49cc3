import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { version } from '../src/version.ts';

describe('the version of the client', () => {
  it('is that of its package', () => {
    const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(Reflect.get(Object(manifest), 'version')).to.equal(version);
  });
});
