import { expect } from 'chai';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { CommandUser } from '../support/run-command.ts';

const away = 'http://127.0.0.1:1';

describe('the login and the settings of the command', () => {
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    server = await startCoffer();
  });
  after(() => server.stop());
  beforeEach(() => {
    user = new CommandUser();
  });
  afterEach(() => user[Symbol.dispose]());

  const login = (...options: string[]) =>
    user.run(['login', '--url', server.origin, '--no-keychain', ...options], { stdin: `${server.adminToken}\n` });

  it('keep a token that works, in a file that only the user may read', async () => {
    expect(await login('--token-stdin')).to.include({ exitCode: 0, stderr: '' });
    expect(statSync(user.profilePath).mode & 0o777).to.equal(0o600);
    expect(statSync(dirname(user.profilePath)).mode & 0o777).to.equal(0o700);
    expect(await user.print(['whoami'])).to.match(/^name +admin$/m);
    expect(await user.run(['logout'])).to.include({ exitCode: 0 });
    expect(existsSync(user.profilePath)).to.equal(false);
    expect(await user.run(['whoami', '--url', server.origin])).to.include({ exitCode: 4 });
  });

  it('keep no token that the server refuses', async () => {
    const refused = await user.run(['login', '--url', server.origin, '--token-stdin'], { stdin: 'cof_canary' });
    expect(refused).to.include({ exitCode: 4, stdout: '' });
    expect(refused.stderr).not.to.include('canary');
    expect(existsSync(user.profilePath)).to.equal(false);
    expect(await login()).to.include({ exitCode: 2 });
    expect(await login('--user', 'x', '--token-stdin')).to.include({ exitCode: 2 });
    const withPassword = ['login', '--url', 'http://user:canary@127.0.0.1:1', '--token-stdin'];
    const { exitCode, stderr } = await user.run(withPassword, { stdin: 'x' });
    expect(exitCode).to.equal(2);
    expect(stderr).not.to.include('canary');
  });

  it('exchange a password for a session, which a logout ends', async () => {
    const body = { user: { name: 'somebody' }, password: 'a long password of somebody' };
    await server.native('POST', '/v1/users', body);
    const stdin = `${body.password}\n`;
    await user.print(['login', '--url', server.origin, '--user', 'somebody', '--no-keychain'], { stdin });
    const { token } = JSON.parse(readFileSync(user.profilePath, 'utf8'));
    expect(JSON.parse(await user.print(['whoami', '--json']))).to.include({ kind: 'user', name: 'somebody' });
    await user.print(['logout']);
    const environment = { COFFER_URL: server.origin, COFFER_TOKEN: token };
    expect(await user.run(['whoami'], { environment })).to.include({ exitCode: 4 });
  });

  it('refuse a profile that other users can read, until the next login', async () => {
    await login('--token-stdin');
    chmodSync(user.profilePath, 0o640);
    expect(await user.run(['whoami'])).to.include({ exitCode: 1 });
    await login('--token-stdin');
    expect(await user.run(['whoami'])).to.include({ exitCode: 0 });
  });

  it('send the token of the profile to no other server', async () => {
    await login('--token-stdin');
    for (const url of [away, `${server.origin}/path`, server.origin.replace('127.0.0.1', 'localhost')]) {
      expect(await user.run(['list', '--url', url])).to.include({ exitCode: 4 });
      expect(await user.run(['list'], { environment: { COFFER_URL: url } })).to.include({ exitCode: 4 });
    }
  });

  it('prefer options to the environment, and the environment to the profile', async () => {
    const [first, second] = [await server.createWorkspace('first'), await server.createWorkspace('second')];
    await login('--token-stdin');
    await user.print(['use', 'first']);
    const workspaceOf = async (parameters: string[], environment = {}) => {
      await user.print(['put', 'where', ...parameters], { stdin: 'x', environment });
      const described = await user.print(['describe', 'where', '--json', ...parameters], { environment });
      return JSON.parse(described).workspace_id;
    };
    expect(await workspaceOf([])).to.equal(first);
    expect(await workspaceOf([], { COFFER_WORKSPACE: second })).to.equal(second);
    expect(await workspaceOf([], { COFFER_WORKSPACE: 'second' })).to.equal(second);
    expect(await workspaceOf(['--workspace', first], { COFFER_WORKSPACE: second })).to.equal(first);
    await user.print(['use', 'default']);
    expect(await workspaceOf([])).to.equal(server.defaultWorkspaceId);
    expect(await user.run(['use', 'nowhere'])).to.include({ exitCode: 3 });
  });

  it('read the token of a file, and refuse two tokens', async () => {
    const path = join(user.home, 'token');
    writeFileSync(path, `${server.adminToken}\n`);
    const environment = { COFFER_URL: server.origin, COFFER_TOKEN_FILE: path };
    expect(await user.run(['whoami'], { environment })).to.include({ exitCode: 0 });
    const both = { ...environment, COFFER_TOKEN: server.adminToken };
    expect(await user.run(['whoami'], { environment: both })).to.include({ exitCode: 2 });
    const absent = { ...environment, COFFER_TOKEN_FILE: join(user.home, 'absent') };
    expect(await user.run(['whoami'], { environment: absent })).to.include({ exitCode: 2 });
  });

  it('end with 5 if the server is away', async () => {
    const environment = { COFFER_URL: away, COFFER_TOKEN: server.adminToken };
    for (const command of [['list'], ['get', 'x'], ['whoami'], ['watch'], ['rm', 'x']]) {
      expect(await user.run(command, { environment })).to.include({ exitCode: 5, stdout: '' });
    }
  });

  it('end with 4 for what a key may not do, and for what a limited key does not find', async () => {
    await login('--token-stdin');
    await user.print(['put', 'limited', 'key', '--provider', 'mine'], { stdin: 'x' });
    await user.print(['put', 'other', 'key', '--provider', 'theirs'], { stdin: 'x' });
    const viewer = { COFFER_URL: server.origin, COFFER_TOKEN: await server.issueKey({ role: 'VIEWER' }) };
    expect(await user.run(['get', 'limited'], { environment: viewer })).to.include({ exitCode: 4, stdout: '' });
    expect(await user.run(['rm', 'limited'], { environment: viewer })).to.include({ exitCode: 4 });
    expect(await user.run(['describe', 'absent'], { environment: viewer })).to.include({ exitCode: 3 });
    const token = await server.issueKey({ role: 'EDITOR', providers: ['mine'] });
    const limited = { COFFER_URL: server.origin, COFFER_TOKEN: token };
    expect(await user.print(['get', 'limited'], { environment: limited })).to.equal('x');
    const absentId = '01890000-0000-7000-8000-000000000000';
    for (const name of ['other', 'absent', absentId]) {
      for (const command of ['get', 'describe', 'versions', 'rm']) {
        expect(await user.run([command, name], { environment: limited })).to.include({ exitCode: 4 });
      }
    }
  });

  it('report errors as JSON with --json, before or after the name of the command', async () => {
    await login('--token-stdin');
    for (const parameters of [
      ['get', 'absent', '--json'],
      ['--json', 'get', 'absent'],
    ]) {
      const { exitCode, stderr } = await user.run(parameters);
      expect(exitCode).to.equal(3);
      expect(JSON.parse(stderr).error).to.include({ exit_code: 3, code: 'not_found' });
    }
  });

  it('use colors on terminals only, and never with NO_COLOR', async () => {
    await login('--token-stdin');
    await user.print(['put', 'colored'], { stdin: 'x' });
    const isTerminal = true;
    expect((await user.run(['list'], { isTerminal })).stdout).to.include('\u001b[1m');
    expect((await user.run(['list'], { isTerminal, environment: { NO_COLOR: '1' } })).stdout).not.to.include('\u001b');
    expect(await user.print(['list'])).not.to.include('\u001b');
  });

  it('name the program of the server for its commands, and the help for unknown ones', async () => {
    for (const name of ['admin-key', 'doctor', 'keys', 'start']) {
      const { exitCode, stderr } = await user.run([name, '--print']);
      expect(exitCode).to.equal(2);
      expect(stderr).to.include(`coffer-server ${name}`);
    }
    expect(await user.run(['unknown'])).to.include({ exitCode: 2, stdout: '' });
    expect(await user.run([])).to.include({ exitCode: 2, stdout: '' });
    expect(await user.print(['help', 'get'])).to.equal(await user.print(['get', '--help']));
  });
});
