import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Environment } from '../../src/config/config.ts';
import { startCoffer } from '../../src/start/coffer.ts';
import { readConfig } from '../../src/start/read-config.ts';
import { SystemClock } from '../../src/vault/time.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCofferProcess } from '../support/coffer-process.ts';
import { canReadMemory, countInMemory } from '../support/process-memory.ts';
import { refusalOf } from '../support/refusals.ts';
import { sendTo } from '../support/sealed-coffer.ts';

const key = Buffer.alloc(32, 5).toString('base64');

/** Each place of a key, and the name of it in the refusal. */
const places: Readonly<Record<string, Environment>> = {
  COFFER_MASTER_KEY: { COFFER_MASTER_KEY: key },
  COFFER_MASTER_PASSWORD: { COFFER_MASTER_PASSWORD: 'a password of many characters' },
  COFFER_MASTER_KEY_COMMAND: { COFFER_MASTER_KEY_COMMAND: '/bin/false' },
  COFFER_TRANSIT_URL: {
    COFFER_TRANSIT_URL: 'https://bao.example',
    COFFER_TRANSIT_KEY: 'coffer',
    COFFER_TRANSIT_TOKEN: 'a-token',
  },
};

describe('a sealed start', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-sealed-'));
  });

  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  function refusal(environment: Environment): Promise<Error> {
    const settings = { COFFER_PORT: '0', COFFER_DATA_DIR: dataDir, COFFER_SEALED_START: 'true', ...environment };
    const config = readConfig(settings, () => key);
    return refusalOf(startCoffer(config, { clock: new SystemClock(), log: pino({ level: 'silent' }) }), Error);
  }

  for (const [name, environment] of Object.entries(places)) {
    it(`is refused beside ${name}, with both names`, async () => {
      const { message } = await refusal(environment);
      expect(message).to.contain('COFFER_SEALED_START').and.to.contain(name).and.not.to.contain(key);
    });
  }

  it('is refused beside the file of a key, and beside its setting as a file, with both names', async () => {
    expect((await refusal({ COFFER_MASTER_KEY_FILE: '/a/key' })).message).to.contain('COFFER_MASTER_KEY');
    await writeFile(join(dataDir, 'master.key'), key, { mode: 0o600 });
    const { message } = await refusal({});
    expect(message).to.contain('COFFER_SEALED_START').and.to.contain(join(dataDir, 'master.key'));
  });

  it('is either true or false', () => {
    for (const value of ['yes', '1', 'TRUE']) {
      expect(() => readConfig({ COFFER_SEALED_START: value }, () => '')).to.throw('COFFER_SEALED_START');
    }
    expect(readConfig({ COFFER_SEALED_START: 'false' }, () => '')).to.include({ sealedStart: false });
  });

  it('runs the embedded database and listens, and serves what was stored once it has its password', async function () {
    this.timeout(60_000);
    const password = 'a password of many characters';
    const open = await startCofferProcess(dataDir, { COFFER_MASTER_PASSWORD: password });
    const { adminToken } = open;
    const path = '/v1/workspaces/default/credentials';
    const creation = { credential: { name: 'one' }, secret: { key: 'value' } };
    const made = await sendTo(open.origin + path, { method: 'POST', body: creation, token: adminToken });
    const { id } = Object(made.body).credential;
    await open.stop();
    const sealed = await startCofferProcess(dataDir, { COFFER_SEALED_START: 'true' });
    expect(sealed.output()).to.contain('the vault is sealed');
    const reveal = () =>
      sendTo(`${sealed.origin}${path}/${id}:reveal`, { method: 'POST', body: {}, token: adminToken });
    expect((await reveal()).status).to.equal(503);
    await sendTo(`${sealed.origin}/v1/keys:unseal`, { method: 'POST', body: { password }, token: undefined });
    expect((await reveal()).body['secret']).to.deep.equal({ key: 'value' });
    expect(await sealed.stop()).to.equal(0);
    expect(sealed.output()).not.to.contain(password);
  });

  (canReadMemory ? it : it.skip)('leaves its key nowhere in memory once it is sealed again', async function () {
    this.timeout(60_000);
    const masterKey = randomBytes(32);
    const text = masterKey.toString('base64');
    const open = await startCofferProcess(dataDir, { COFFER_MASTER_KEY: text });
    await open.stop();
    const server = await startCofferProcess(dataDir, { COFFER_SEALED_START: 'true' });
    const post = (path: string, body: JsonObject) =>
      sendTo(server.origin + path, { method: 'POST', body, token: open.adminToken });
    await post('/v1/keys:unseal', { key: text });
    for (const name of ['one', 'two']) {
      await post('/v1/workspaces/default/credentials', { credential: { name }, secret: { key: 'value' } });
    }
    const countNow = () => countInMemory(server.process.pid ?? 0, masterKey);
    expect(countNow()).to.be.greaterThan(0);
    await post('/v1/keys:seal', {});
    expect(countNow()).to.equal(0);
    await server.stop();
  });
});
