import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { CommandUser } from '../support/run-command.ts';

describe('coffer inject', () => {
  const reference = '{{ coffer://default/db/password }}';
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
    await user.print(['put', 'db'], { stdin: JSON.stringify({ password: `a "b" $c\n{{ d }}`, port: 5432 }) });
  });
  after(async () => {
    user[Symbol.dispose]();
    await server.stop();
  });

  it('puts values in the place of references, and leaves everything else as it is', async () => {
    const template = `url: ${reference}:{{coffer://default/db/port}}\n{{ other }} {{ }} ${reference}`;
    const filled = `url: a "b" $c\n{{ d }}:5432\n{{ other }} {{ }} a "b" $c\n{{ d }}`;
    expect(await user.print(['inject'], { stdin: template })).to.equal(filled);
    const path = join(user.home, 'template');
    writeFileSync(path, template);
    expect(await user.print(['inject', path])).to.equal(filled);
  });

  it('asks nothing of the server where there is no reference', async () => {
    const environment = { COFFER_URL: 'http://127.0.0.1:1' };
    expect(await user.print(['inject'], { stdin: 'plain {{ text }}', environment })).to.equal('plain {{ text }}');
  });

  it('prints nothing where a secret is missing, a reference is invalid or the caller may not reveal', async () => {
    const stdin = `x ${reference} {{ coffer://default/absent/password }}`;
    const missing = await user.run(['inject'], { stdin });
    expect(missing).to.include({ exitCode: 3, stdout: '' });
    expect(missing.stderr).to.include('absent').and.not.include('$c');
    const invalid = await user.run(['inject'], { stdin: 'a\n{{ coffer://default }}' });
    expect(invalid).to.include({ exitCode: 2, stdout: '' });
    expect(invalid.stderr).to.include('line 2');
    const environment = { COFFER_TOKEN: await server.issueKey({ role: 'VIEWER' }) };
    expect(await user.run(['inject'], { stdin: reference, environment })).to.include({ exitCode: 4, stdout: '' });
  });

  it('refuses a template of over 16 MiB, and a file that is absent', async () => {
    const large = await user.run(['inject'], { stdin: Buffer.alloc(16 * 1024 * 1024 + 1, 'a') });
    expect(large).to.include({ exitCode: 1, stdout: '' });
    expect(await user.run(['inject', join(user.home, 'absent')])).to.include({ exitCode: 1, stdout: '' });
  });

  it('shows secrets on a terminal only if that is requested', async () => {
    const shown = { stdin: reference, isTerminal: true };
    expect(await user.run(['inject'], shown)).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run(['inject', '--show'], shown)).to.include({ exitCode: 0 });
  });
});
