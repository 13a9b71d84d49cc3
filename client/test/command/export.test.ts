import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { upperSnakeCase } from '../../src/run/field-variables.ts';
import { CommandUser } from '../support/run-command.ts';

describe('coffer export', () => {
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
    const store = (name: string, secret: object) => user.print(['put', name], { stdin: JSON.stringify(secret) });
    await store('one', { apiKey: `it's "$HOME" \\ ok`, 'private-key': 'first\nsecond\n', port: 5432, empty: '' });
    await store('two', { api_key: 'sk-2' });
    await store('danger', { path: '/tmp' });
    await store('clash', { apiKey: '1', api_key: '2' });
  });
  after(async () => {
    user[Symbol.dispose]();
    await server.stop();
  });

  it('writes commands of a shell, with every value as it is', async () => {
    const path = join(user.home, 'variables');
    writeFileSync(path, await user.print(['export', 'one', '--format', 'env']));
    const script = `. "$1"; printf '%s|%s|%s|%s' "$API_KEY" "$PRIVATE_KEY" "$PORT" "$EMPTY"`;
    const read = execFileSync('/bin/sh', ['-c', script, 'sh', path], { encoding: 'utf8' });
    expect(read).to.equal(`it's "$HOME" \\ ok|first\nsecond\n|5432|`);
  });

  it('writes .env files that Node reads back', async () => {
    const text = await user.print(['export', 'one', 'two', '--format', 'dotenv', '--prefix', 'APP_']);
    expect(parseEnv(text)).to.deep.equal({
      APP_ONE_API_KEY: `it's "$HOME" \\ ok`,
      APP_ONE_PRIVATE_KEY: 'first\nsecond\n',
      APP_ONE_PORT: '5432',
      APP_ONE_EMPTY: '',
      APP_TWO_API_KEY: 'sk-2',
    });
  });

  it('writes JSON, and files for Docker, which have no lines within a value', async () => {
    const selected = ['export', '--filter', 'name = two'];
    expect(JSON.parse(await user.print([...selected, '--format', 'json']))).to.deep.equal({ API_KEY: 'sk-2' });
    expect(JSON.parse(await user.print([...selected, '--json']))).to.deep.equal({ API_KEY: 'sk-2' });
    expect(await user.print([...selected, '--format', 'docker'])).to.equal('API_KEY=sk-2\n');
    const refused = await user.run(['export', 'one', '--format', 'docker']);
    expect(refused).to.include({ exitCode: 1, stdout: '' });
    expect(refused.stderr).to.include('PRIVATE_KEY').and.not.include('first');
  });

  it('prints nothing if one secret is absent, and for names that clash or change how programs are found', async () => {
    expect(await user.run(['export', 'two', 'absent'])).to.include({ exitCode: 3, stdout: '' });
    expect(await user.run(['export', 'danger'])).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run(['export', 'danger', '--prefix', 'MY_'])).to.include({ exitCode: 0 });
    expect(await user.run(['export', 'clash'])).to.include({ exitCode: 1, stdout: '' });
    expect(await user.run(['export', 'two', '--prefix', '1'])).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run(['export'])).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run(['export', 'two', '--format', 'yaml'])).to.include({ exitCode: 2, stdout: '' });
  });

  it('shows secrets on a terminal only if that is requested', async () => {
    expect(await user.run(['export', 'two'], { isTerminal: true })).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run(['export', 'two', '--show'], { isTerminal: true })).to.include({ exitCode: 0 });
  });

  it('names variables in upper snake case', () => {
    const names = ['apiKey', 'api_key', 'api-key', 'openAIApiKey', 'client.id', 'URL', 'x509Key', '_a_'];
    expect(names.map(upperSnakeCase)).to.deep.equal([
      'API_KEY',
      'API_KEY',
      'API_KEY',
      'OPEN_AI_API_KEY',
      'CLIENT_ID',
      'URL',
      'X509_KEY',
      'A',
    ]);
  });
});
