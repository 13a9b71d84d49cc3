import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { CommandUser } from '../support/run-command.ts';
import { hasTerminals, runOnTerminal, type Answer } from '../support/terminal-user.ts';

const enter = '\r';
const interrupt = '\u0003';

describe('questions on a terminal', function () {
  const typed = randomBytes(12).toString('hex');
  let server: TestCoffer;
  let user: CommandUser;

  before(async function () {
    if (!hasTerminals) this.skip();
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
  });
  after(async () => {
    user?.[Symbol.dispose]();
    await server?.stop();
  });

  it('take a value without showing it', async () => {
    const { shown, exitCode } = await run(['put', 'typed'], [{ after: 'typed', type: typed + enter }]);
    expect(exitCode, shown).to.equal(0);
    expect(shown).not.to.include(typed);
    expect(await user.print(['get', 'typed'])).to.equal(typed);
  });

  it('store nothing when they are interrupted, and end as interrupted programs do', async () => {
    const { shown, exitCode } = await run(['put', 'interrupted'], [{ after: 'interrupted', type: typed + interrupt }]);
    expect(exitCode, shown).to.equal(130);
    expect(shown).not.to.include(typed);
    expect(await user.run(['get', 'interrupted'])).to.include({ exitCode: 3 });
  });

  it('refuse an empty value', async () => {
    const { shown, exitCode } = await run(['put', 'empty'], [{ after: 'empty', type: enter }]);
    expect(exitCode, shown).to.equal(2);
  });

  it('take a password without showing it, and keep the session', async () => {
    const password = randomBytes(12).toString('hex');
    await server.native('POST', '/v1/users', { user: { name: 'typist' }, password });
    const { shown, exitCode } = await run(
      ['login', '--user', 'typist', '--no-keychain'],
      [{ after: 'Password of typist', type: password + enter }],
      { COFFER_URL: server.origin },
    );
    expect(exitCode, shown).to.equal(0);
    expect(shown).not.to.include(password);
    const { stdout } = await user.run(['whoami', '--json'], { environment: { COFFER_TOKEN: undefined } });
    expect(stdout).to.include('typist');
  });

  it('offer the ways to log in, and take a token without showing it', async () => {
    const answers = [
      { after: 'API key', type: enter },
      { after: 'API key or token', type: server.adminToken + enter },
    ];
    const { shown, exitCode } = await run(['login', '--no-keychain'], answers, { COFFER_URL: server.origin });
    expect(exitCode, shown).to.equal(0);
    expect(shown).not.to.include(server.adminToken);
  });

  it('show a secret on a terminal only if that is requested', async () => {
    await user.print(['put', 'hidden'], { stdin: typed });
    const { shown, exitCode } = await run(['get', 'hidden'], []);
    expect({ exitCode, isShown: shown.includes(typed) }).to.deep.equal({ exitCode: 2, isShown: false });
    expect((await run(['get', 'hidden', '--show'], [])).shown).to.include(typed);
  });

  function run(parameters: readonly string[], answers: readonly Answer[], environment = user.environment) {
    return runOnTerminal(parameters, answers, { ...environment, HOME: user.home });
  }
});
