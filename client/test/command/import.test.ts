import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { changeCharacter, sealAsFlowise } from '../import/sealing.ts';
import {
  fishnetKey,
  flowiseColumns,
  flowiseKey,
  flowiseRow,
  temporaryFolder,
  writeFishnet,
  writeFlowise,
  writeSqlite,
  writeText,
} from '../import/stores.ts';

const program = resolve(import.meta.dirname, '../../src/command/main.ts');

describe('coffer import', () => {
  const folder = temporaryFolder();
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer();
  });
  after(async () => {
    await coffer.stop();
    folder.remove();
  });

  function start(parameters: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    return spawn(process.execPath, [program, 'import', ...parameters], {
      env: { HOME: folder.path, COFFER_URL: coffer.origin, COFFER_TOKEN: coffer.adminToken, ...environment },
    });
  }

  async function run(
    parameters: readonly string[],
    { input = '', ...environment }: { readonly input?: string } & Readonly<Record<string, string>> = {},
  ) {
    const child = start(parameters, environment);
    const output: string[] = [];
    const errors: string[] = [];
    child.stdout.on('data', (chunk) => output.push(String(chunk)));
    child.stderr.on('data', (chunk) => errors.push(String(chunk)));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code: Number(code), output: output.join(''), errors: errors.join('') };
  }

  async function countOf(filter: string): Promise<number> {
    const query = new URLSearchParams({ filter, page_size: '1', include_total_size: 'true' });
    return Number((await coffer.native('GET', `/v1/workspaces/default/credentials?${query.toString()}`))['total_size']);
  }

  it('plans, stores and verifies, with a key from the standard input, and prints no secret', async () => {
    const database = writeFlowise(join(folder.path, 'flowise'), ['sk-canary-1', 'sk-canary-2']);
    const flags = ['flowise', '--database', database, '--password-stdin'];
    const planned = await run([...flags, '--dry-run'], { input: flowiseKey });
    const applied = await run([...flags, '--apply', '--verify', '--json'], { input: `${flowiseKey}\n` });
    const repeated = await run([...flags, '--apply', '--json'], { input: flowiseKey });
    expect(planned).to.include({ code: 0, errors: '' });
    expect(planned.output).to.match(/^STATE .*\nopened .*Flowise 1.*\n.*\n2 opened\. Nothing was stored/);
    expect(JSON.parse(applied.output)).to.deep.include({ complete: true, dry_run: false, counts: { stored: 2 } });
    expect(JSON.parse(repeated.output)).to.deep.include({ complete: true, counts: { duplicate: 2 } });
    const printed = JSON.stringify([planned, applied, repeated]);
    expect(printed).to.not.include('sk-canary').and.not.include(flowiseKey).and.not.include(coffer.adminToken);
  });

  it('ends with 1 where something could not be opened, and stores the rest', async () => {
    const whole = sealAsFlowise({ openAIApiKey: 'sk-whole-0123456789abcdef' }, flowiseKey);
    const rows = [flowiseRow('whole', whole), flowiseRow('damaged \u001b[31m', changeCharacter(whole, 70))];
    const database = writeSqlite(join(folder.path, 'mixed'), { credential: { columns: flowiseColumns, rows } });
    const keyFile = writeText(join(folder.path, 'key'), flowiseKey);
    const { code, output } = await run(['flowise', '--database', database, '--key-file', keyFile, '--apply']);
    expect(code).to.equal(1);
    expect(output)
      .to.match(/stored\s+whole/)
      .and.match(/damaged\s+damaged/)
      .and.not.include('\u001b');
  });

  it('ends with 1 and stores nothing under a wrong key', async () => {
    const database = writeFlowise(join(folder.path, 'wrong'), ['sk-1']);
    const { code, errors } = await run(['flowise', '--database', database, '--apply', '--password-stdin'], {
      input: 'x',
    });
    expect(code).to.equal(1);
    expect(errors).to.match(/wrong key/);
  });

  it('takes a file, or one from the standard input', async () => {
    const file = writeText(join(folder.path, 'app.env'), 'FROM_FILE=1\n');
    expect(await run(['dotenv', file, '--apply', '--verify'])).to.include({ code: 0 });
    const piped = await run(['dotenv', '-', '--apply', '--name', 'piped', '--json'], { input: 'A=1\nB=2\n' });
    expect(JSON.parse(piped.output)).to.deep.include({ counts: { stored: 1 } });
  });

  const wrongCalls: readonly (readonly string[])[] = [
    ['unknown'],
    [],
    ['dotenv'],
    ['dotenv', 'file', '--apply', '--dry-run'],
    ['flowise', 'file'],
    ['flowise', '--key-file', '/absent/key'],
    ['flowise', '--key-file', '/absent/key', '--password-stdin'],
    ['flowise', '--database', 'mysql://localhost/flowise', '--password-stdin'],
    ['miniflow', '--password-stdin'],
    ['n8n', '--name', 'all'],
    ['dotenv', '-', '--password-stdin'],
  ];
  for (const parameters of wrongCalls) {
    it(`ends with 2 for ${['import', ...parameters].join(' ')}`, async () => {
      expect((await run(parameters, { input: 'a key' })).code).to.equal(2);
    });
  }

  it('ends with 4 without the right to store, and with 5 where the vault is away', async () => {
    const file = writeText(join(folder.path, 'rights.env'), 'RIGHTS=1\n');
    const viewer = await coffer.issueKey({ role: 'VIEWER' });
    expect((await run(['dotenv', file, '--apply'], { COFFER_TOKEN: viewer })).code).to.equal(4);
    expect((await run(['dotenv', file, '--apply'], { COFFER_TOKEN: 'cof_unknown' })).code).to.equal(4);
    expect((await run(['dotenv', file, '--apply'], { COFFER_URL: 'http://127.0.0.1:1' })).code).to.equal(5);
  });

  it('stores each entry once where it is killed and repeated', async () => {
    const values = Array.from({ length: 100 }, (_, index) => `sk-killed-${index}`);
    const database = await writeFishnet(join(folder.path, 'killed'), values);
    const keyFile = writeText(join(folder.path, 'fishnet.key'), `derived_hex:v1:${fishnetKey.toString('hex')}`);
    const flags = ['fishnet', '--database', database, '--key-file', keyFile, '--apply', '--json'];
    const child = start(flags);
    while ((await countOf('provider = "openai"')) < 20) expect(child.exitCode).to.equal(null);
    child.kill('SIGKILL');
    await once(child, 'close');
    const repeated = JSON.parse((await run([...flags, '--verify'])).output);
    expect(repeated).to.deep.include({ complete: true });
    expect(repeated.counts.duplicate).to.be.greaterThan(18).and.lessThan(values.length);
    expect(await countOf('provider = "openai"')).to.equal(values.length);
  });

  it('leaves no copy of a database, and the source as it was', async () => {
    const database = writeFlowise(join(folder.path, 'copies'), ['sk-1']);
    const before = readFileSync(database);
    const temporary = join(folder.path, 'temporary');
    writeText(join(temporary, 'kept'), '');
    await run(['flowise', '--database', database, '--password-stdin'], { input: flowiseKey, TMPDIR: temporary });
    await run(['flowise', '--database', join(temporary, 'kept'), '--password-stdin'], {
      input: 'x',
      TMPDIR: temporary,
    });
    expect(readdirSync(temporary)).to.deep.equal(['kept']);
    expect(readFileSync(database).equals(before)).to.equal(true);
  });
});
