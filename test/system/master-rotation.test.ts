import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Environment } from '../../src/config/config.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { runCoffer, startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';

const secret = { api_key: 'sealed before' };

/** Sends native REST requests to a process. */
function clientOf(origin: string, token: string) {
  return async (method: string, path: string, body?: JsonObject): Promise<JsonObject> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: response.status, ...parseObject(await response.text()) };
  };
}

async function makeWorkspace(
  native: (method: string, path: string, body: JsonObject) => Promise<JsonObject>,
  name: string,
) {
  const workspace = textOf(await native('POST', '/v1/workspaces', { workspace: { name } }), 'workspace', 'id');
  const path = `/v1/workspaces/${workspace}/credentials`;
  const id = textOf(await native('POST', path, { credential: { name: 'kept' }, secret }), 'credential', 'id');
  return `${path}/${id}:reveal`;
}

describe('rotating the master key', function () {
  this.timeout(60_000);

  describe('in the data directory', () => {
    let folder: string;
    let coffer: CofferProcess;
    let reveals: string[];
    const send = (method: string, path: string, body?: JsonObject) =>
      clientOf(coffer.origin, coffer.adminToken)(method, path, body);
    const keyFiles = async () => (await readdir(folder)).filter((name) => name.startsWith('master.key')).toSorted();

    async function expectAllReveal(): Promise<void> {
      for (const path of reveals) expect(await send('POST', path, {})).to.deep.include({ status: 200, secret });
    }

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'coffer-rotation-'));
      coffer = await startCofferProcess(folder);
      reveals = [await makeWorkspace(send, 'one'), await makeWorkspace(send, 'two')];
    });

    afterEach(async () => {
      await coffer.stop();
      await rm(folder, { recursive: true });
    });

    it('replaces the file and keeps the old key, while secrets are revealed, and for the next start', async () => {
      const old = await readFile(join(folder, 'master.key'), 'utf8');
      const rotated = await send('POST', '/v1/keys:rotateMaster', {});
      expect(rotated).to.include({ status: 200, workspace_key_count: 3 });
      const fingerprint = textOf(rotated, 'master_key', 'fingerprint');
      const [current, kept = ''] = await keyFiles();
      expect(current).to.equal('master.key');
      expect(kept)
        .to.match(/^master\.key\.[0-9a-f]{16}$/)
        .and.not.to.include(fingerprint);
      expect(await readFile(join(folder, kept), 'utf8')).to.equal(old);
      expect(await readFile(join(folder, 'master.key'), 'utf8')).not.to.equal(old);
      await expectAllReveal();
      reveals.push(await makeWorkspace(send, 'three'));
      const events = await send('GET', '/v1/auditEvents?page_size=5');
      expect(JSON.stringify(events)).to.include('"action":"keys.rotate_master"');
      await coffer.stop();
      await rm(join(folder, kept));
      coffer = await startCofferProcess(folder);
      await expectAllReveal();
      expect(coffer.output()).to.include(fingerprint);
      expect((await runCoffer(['doctor', '--all'], { COFFER_DATA_DIR: folder })).output).not.to.match(/^fault/m);
    });

    it('leaves the vault open however often it is done, and by how many at a time', async () => {
      for (let round = 0; round < 10; round += 1) {
        const both = await Promise.all([1, 2].map(() => send('POST', '/v1/keys:rotateMaster', {})));
        expect(both.map(({ status }) => status)).to.include(200);
        expect(both.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).to.deep.equal([]);
      }
      await expectAllReveal();
      expect(coffer.output()).not.to.include('sealed');
    });

    it('is done once under one request id', async () => {
      const body = { request_id: '018f3c5e-7b2a-7c3d-8f00-11223344aabb' };
      const first = await send('POST', '/v1/keys:rotateMaster', body);
      expect(await send('POST', '/v1/keys:rotateMaster', body)).to.deep.equal(first);
      expect(await keyFiles()).to.have.lengthOf(2);
    });

    it('is for owners only', async () => {
      const key = await send('POST', '/v1/workspaces/default/apiKeys', { name: 'k', role: 'ADMIN' });
      const limited = clientOf(coffer.origin, textOf(key, 'token'));
      expect(await limited('POST', '/v1/keys:rotateMaster', {})).to.include({ status: 403 });
      expect(await keyFiles()).to.deep.equal(['master.key']);
    });

    it('is completed by the next start where a crash has left both files', async () => {
      await send('POST', '/v1/keys:rotateMaster', {});
      await coffer.kill();
      const [, kept = ''] = await keyFiles();
      const fingerprint = /"masterKey":"([0-9a-f]{16})"/.exec(coffer.output())?.[1];
      expect(kept).to.equal(`master.key.${fingerprint}`);
      // As it was between the commit and the renaming.
      const next = join(folder, 'master.key.next');
      await rename(join(folder, 'master.key'), next);
      await rename(join(folder, kept), join(folder, 'master.key'));
      const found = await runCoffer(['doctor'], { COFFER_DATA_DIR: folder });
      const needed = /needs key ([0-9a-f]{16})/.exec(found.output)?.[1] ?? '';
      expect(found.output).to.include(`got ${fingerprint}`);
      await rename(next, join(folder, `master.key.${needed}`));
      coffer = await startCofferProcess(folder);
      await expectAllReveal();
      expect(await keyFiles()).to.deep.equal(['master.key', kept]);
    });

    it('has no effect where a crash came before the commit', async () => {
      await coffer.kill();
      await writeFile(join(folder, 'master.key.0123456789abcdef'), randomBytes(32).toString('base64'), { mode: 0o600 });
      coffer = await startCofferProcess(folder);
      await expectAllReveal();
    });

    it('by the command reaches a running server, which takes the new key over', async () => {
      const { exitCode, output } = await runCoffer(['keys', 'rotate-master'], { COFFER_DATA_DIR: folder });
      expect(output).to.match(/^the master key of instance \S+ is [0-9a-f]{16} now, in place of [0-9a-f]{16};/);
      expect(exitCode).to.equal(0);
      reveals.push(await makeWorkspace(send, 'three'));
      await expectAllReveal();
      await coffer.stop();
      expect(coffer.output()).to.include('the master key was rotated, and is taken over');
      coffer = await startCofferProcess(folder);
      await expectAllReveal();
    });

    it('to a password or a program works as well, and the next start needs it', async () => {
      await coffer.stop();
      const passwordFile = join(folder, 'password');
      await writeFile(passwordFile, 'correct horse battery\n', { mode: 0o600 });
      const byPassword = { COFFER_DATA_DIR: folder, COFFER_MASTER_PASSWORD_FILE: passwordFile };
      expect(
        (await runCoffer(['keys', 'rotate-master', '--to-password-file', passwordFile], { COFFER_DATA_DIR: folder }))
          .exitCode,
      ).to.equal(0);
      const refused = await runCoffer([], { COFFER_DATA_DIR: folder });
      expect(refused.output).to.match(
        /is not the master key of this vault: it needs key [0-9a-f]{16}, derived from a password/,
      );
      const printed = join(folder, 'printed');
      await writeFile(printed, randomBytes(32).toString('base64'));
      const command = JSON.stringify(['/bin/cat', printed]);
      expect((await runCoffer(['keys', 'rotate-master', '--to-command', command], byPassword)).exitCode).to.equal(0);
      coffer = await startCofferProcess(folder, { COFFER_MASTER_KEY_COMMAND: command });
      await expectAllReveal();
    });

    it('is refused in a sentence for a target that cannot be used, and changes nothing', async () => {
      const present = join(folder, 'present');
      await copyFile(join(folder, 'master.key'), present);
      for (const [parameters, problem, code] of [
        [['--to-key-file', present], 'is the master key already', 1],
        [['--to-key-file', ''], '--to-key-file takes a value', 2],
        [['--to-key-file', 'a', '--to-command', 'b'], 'the targets exclude one another', 2],
        [['--to-password-file', present + '.absent'], '--to-password-file takes a file with a password', 2],
        [['--to-command', '["/bin/false"]'], '--to-command ended with exit code 1', 1],
        [['--to-command', '[]'], '--to-command takes the path of a program', 2],
      ] as const) {
        const { exitCode, output } = await runCoffer(['keys', 'rotate-master', ...parameters], {
          COFFER_DATA_DIR: folder,
        });
        expect(output).to.include(problem);
        expect(exitCode, problem).to.equal(code);
      }
      await expectAllReveal();
      expect(await keyFiles()).to.deep.equal(['master.key']);
    });
  });

  describe('of three servers with one database', () => {
    let folder: string;
    let keyFile: string;
    let servers: TestCoffer[];
    let reveals: string[];

    const environment = (others: Environment = {}): Environment => ({
      COFFER_MASTER_KEY: '',
      COFFER_MASTER_KEY_FILE: keyFile,
      ...others,
    });

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'coffer-rotation-'));
      keyFile = join(folder, 'key');
      await writeFile(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
      const first = await startCoffer({ environment: environment() });
      const { adminToken, database } = first;
      const others = { database, environment: environment({ COFFER_ADMIN_API_KEY: adminToken }) };
      servers = [first, await startCoffer(others), await startCoffer(others)];
      reveals = [await makeWorkspace(first.native, 'one'), await makeWorkspace(first.native, 'two')];
    });

    afterEach(async () => {
      for (const server of servers) await server.stop();
      await rm(folder, { recursive: true });
    });

    const run = (target: string, from: string) =>
      runCoffer(['keys', 'rotate-master', '--to-key-file', target], {
        ...servers[0]?.environment,
        COFFER_MASTER_KEY_FILE: from,
      });

    it('seals those that do not get the new key, until they are started with it', async () => {
      const other = join(folder, 'other');
      expect((await run(other, keyFile)).exitCode).to.equal(0);
      for (const { origin, adminToken } of servers) {
        const send = clientOf(origin, adminToken);
        let answer = await send('POST', reveals[0] ?? '', {});
        while (answer['status'] === 200) answer = await send('POST', reveals[0] ?? '', {});
        expect(answer).to.include({ status: 503, code: 'unavailable' });
        expect(JSON.stringify(answer)).to.include('SEALED');
        expect((await fetch(`${origin}/readyz`)).status).to.equal(503);
      }
      const [{ database, adminToken } = { database: undefined, adminToken: '' }] = servers;
      const renewed = { COFFER_MASTER_KEY_FILE: other, COFFER_ADMIN_API_KEY: adminToken };
      const again = await startCoffer({ ...(database && { database }), environment: environment(renewed) });
      servers.push(again);
      for (const path of reveals) expect(await again.native('POST', path, {})).to.deep.include({ secret });
    });

    it('is proven by genuine rows only, and nothing is sealed by a fingerprint that somebody else has written', async () => {
      const [server] = servers;
      const client = new Client(server?.database.connection);
      await client.connect();
      const { rows } = await client.query<Record<string, string>>('select master_fingerprint as former from keyring');
      const write = async (fingerprint: string | undefined) => {
        await client.query('begin');
        await client.query('update keyring set master_fingerprint = $1', [fingerprint]);
        await client.query('update workspace_key set master_fingerprint = $1', [fingerprint]);
        await client.query('commit');
      };
      await write('0123456789abcdef');
      for (const { adminToken, origin } of servers) {
        const refused = await clientOf(origin, adminToken)('POST', '/v1/workspaces', { workspace: { name: 'n' } });
        expect(refused).to.include({ status: 500, code: 'data_loss' });
        expect((await fetch(`${origin}/readyz`)).status).to.equal(200);
      }
      await write(rows[0]?.['former']);
      await client.end();
      for (const { native } of servers) {
        for (const path of reveals) expect(await native('POST', path, {})).to.deep.include({ secret });
        await makeWorkspace(native, crypto.randomUUID());
      }
    });

    it('needs the command where the key does not come from the data directory', async () => {
      const [{ adminToken, origin } = { adminToken: '', origin: '' }] = servers;
      const answer = await clientOf(origin, adminToken)('POST', '/v1/keys:rotateMaster', {});
      expect(answer).to.include({ status: 400, code: 'failed_precondition' });
      expect(JSON.stringify(answer)).to.include('USE_COMMAND');
    });
  });
});
