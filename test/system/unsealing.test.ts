import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { formatShare, splitKey } from '../../src/encryption/key-shares.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { runCoffer } from '../support/coffer-process.ts';
import { sharedPostgres } from '../support/postgres.ts';
import { reasonIn, sendTo, startSealed, type SealedAnswer, type SealedCoffer } from '../support/sealed-coffer.ts';

const password = 'a password of many characters';

describe('unsealing by shares', () => {
  let former: TestCoffer;
  let sealed: SealedCoffer;
  let shares: readonly string[];
  let earlier: readonly string[];
  let nowMs = Date.now();

  before(async function () {
    this.timeout(60_000);
    former = await startCoffer();
    earlier = await split(former);
    shares = await split(former);
    await former.stop();
    sealed = await startSealed(former, { now: () => new Date(nowMs) });
  });

  after(() => sealed.stop());

  it('prints each share on a line, with the fingerprint, the threshold and a checksum', () => {
    expect(shares).to.have.length(5);
    for (const share of shares) expect(share).to.match(/^coffer-share-1:[0-9a-f]{16}:3:[\w-]{44}:[0-9a-f]{8}$/);
    expect(new Set(shares).size).to.equal(5);
  });

  it('refuses shares of an earlier split, of another key, and with a typing error, one by one', async () => {
    const [share = ''] = shares;
    const other = await splitKey(new Uint8Array(randomBytes(32)), share.split(':')[1] ?? '', {
      shares: 5,
      threshold: 3,
    });
    const foreign = other[0] ?? expect.fail('there is a share');
    const lowered = formatShare({ ...foreign, threshold: 2 });
    const ofOtherKey = await splitKey(new Uint8Array(randomBytes(32)), '0011223344556677', { shares: 2, threshold: 2 });
    const wrong = [
      earlier[0] ?? '',
      formatShare(foreign),
      lowered,
      ...ofOtherKey.map(formatShare),
      `${share.slice(0, -1)}x`,
    ];
    for (const text of wrong) {
      const refused = await sealed.unseal({ share: text });
      expect(refused.status, text).to.equal(400);
      expect(JSON.stringify(refused.body)).not.to.contain(text);
    }
  });

  it('counts different shares, in any order, and opens with as many as the threshold', async function () {
    const [one = '', two = '', three = ''] = shares.toReversed();
    expect((await sealed.unseal({ share: ` ${one}\n` })).body).to.deep.equal({
      sealed: true,
      shares_given: 1,
      threshold: 3,
    });
    expect((await sealed.unseal({ share: one })).body).to.deep.equal({ sealed: true, shares_given: 1, threshold: 3 });
    expect((await sealed.unseal({ share: two })).body).to.deep.equal({ sealed: true, shares_given: 2, threshold: 3 });
    // A wrong key neither opens nor loses the shares.
    expect((await sealed.unseal({ key: randomBytes(32).toString('base64') })).status).to.equal(400);
    expect(reasonIn(await sealed.unseal({ share: three }))).to.equal('UNSEAL_LIMITED');
    nowMs += 60_001;
    const opened = await sealed.unseal({ share: three });
    expect(opened.body).to.deep.equal({ sealed: false, shares_given: 3, threshold: 3 });
    expect((await sealed.send('GET', '/v1/whoami', undefined, former.adminToken)).status).to.equal(200);
  });
});

describe('unsealing within the limits', () => {
  let former: TestCoffer;
  let sealed: SealedCoffer;
  let nowMs = Date.now();

  before(async () => {
    former = await startCoffer({ now: () => new Date(nowMs) });
    await former.stop();
    const environment = { COFFER_TRUSTED_PROXIES: '127.0.0.0/8,::1' };
    sealed = await startSealed(former, { now: () => new Date(nowMs), environment });
  });

  after(() => sealed.stop());

  async function unsealFrom(address: string, key: string): Promise<SealedAnswer> {
    const response = await fetch(`${sealed.origin}/v1/keys:unseal`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify({ key }),
    });
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  }

  it('is refused after 10 attempts from an address or 30 in all, with the time to wait, also by the right key', async () => {
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      for (let count = 0; count < 10; count += 1) expect((await unsealFrom(address, 'wrong')).status).to.equal(400);
    }
    for (const address of ['192.0.2.1', '192.0.2.9']) {
      const refused = await unsealFrom(address, former.environment['COFFER_MASTER_KEY'] ?? '');
      expect(refused.status).to.equal(429);
      expect(reasonIn(refused)).to.equal('UNSEAL_LIMITED');
      expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60);
    }
    expect(reasonIn(await sealed.send('GET', '/v1/whoami'))).to.equal('SEALED');
  });

  it('is possible a minute later, and has every attempt in the trail, counted by address', async () => {
    nowMs += 60_001;
    const opened = await unsealFrom('192.0.2.9', former.environment['COFFER_MASTER_KEY'] ?? '');
    expect(opened.body).to.deep.include({ sealed: false });
    const { body } = await sealed.send('GET', '/v1/auditEvents?page_size=100', undefined, former.adminToken);
    const attempts = Array.from<object>(Object(body).audit_events)
      .filter((event) => Object(event).action === 'keys.unseal')
      .map((event) => `${Object(event).peer} ${Object(event).outcome} ${Object(event).purpose} ${Object(event).count}`);
    expect(attempts).to.include.members([
      '192.0.2.1 FAILED a wrong key 10',
      '192.0.2.3 FAILED a wrong key 10',
      '192.0.2.1 DENIED too many attempts 1',
      '192.0.2.9 DENIED too many attempts 1',
      '192.0.2.9 OK key 1',
    ]);
  });
});

describe('unsealing a vault of a password', () => {
  let former: TestCoffer;
  let sealed: SealedCoffer;

  before(async () => {
    former = await startCoffer({ environment: { COFFER_MASTER_PASSWORD: password, COFFER_MASTER_KEY: '' } });
    await former.stop();
    sealed = await startSealed(former);
  });

  after(() => sealed.stop());

  it('takes the right one of several that are given at once', async () => {
    const answers = await Promise.all(
      ['a wrong password', password, 'another wrong one'].map((given) => sealed.unseal({ password: given })),
    );
    expect(answers[0]?.status).to.equal(400);
    expect(answers[1]?.body).to.deep.include({ sealed: false });
    expect(answers[2]?.body).to.deep.include({ sealed: false });
    expect((await sealed.send('GET', '/v1/whoami', undefined, former.adminToken)).status).to.equal(200);
  });
});

describe('a server that could not follow a rotation of the master key', () => {
  it('is unsealed by the new key, and neither by the old one nor by its shares', async function () {
    this.timeout(60_000);
    const folder = await mkdtemp(join(tmpdir(), 'coffer-rotated-'));
    const file = join(folder, 'new.key');
    const coffer = await startCoffer();
    try {
      const shares = await split(coffer);
      const rotated = await runCoffer(['keys', 'rotate-master', '--to-key-file', file], coffer.environment);
      expect(rotated.exitCode, rotated.output).to.equal(0);
      const send = (path: string, body?: JsonObject) =>
        sendTo(coffer.origin + path, { method: body ? 'POST' : 'GET', body, token: coffer.adminToken });
      while ((await send('/v1/whoami')).status === 200);
      expect(reasonIn(await send('/v1/whoami'))).to.equal('SEALED');
      const old = coffer.environment['COFFER_MASTER_KEY'] ?? '';
      for (const given of [{ key: old }, { share: shares[0] ?? '' }]) {
        expect((await send('/v1/keys:unseal', given)).status).to.equal(400);
      }
      expect((await send('/v1/keys:unseal', { key: await readFile(file, 'utf8') })).body).to.include({ sealed: false });
      expect((await send('/v1/whoami')).status).to.equal(200);
    } finally {
      await coffer.stop();
      await rm(folder, { recursive: true });
    }
  });
});

describe('a sealed server of a newer release than its database', () => {
  it('migrates when it is unsealed, and not before', async () => {
    const former = await startCoffer();
    await former.stop();
    const owner = new Client(former.database.connection);
    await owner.connect();
    await owner.query(`drop table seal, key_share; delete from schema_migration where name = '035-seal-and-shares'`);
    const tables = async () => (await owner.query(`select to_regclass('seal') as name`)).rows;
    const sealed = await startSealed(former);
    try {
      expect((await sealed.unseal({ share: 'none' })).status).to.equal(400);
      expect((await sealed.unseal({ key: randomBytes(32).toString('base64') })).status).to.equal(400);
      expect(await tables()).to.deep.equal([{ name: null }]);
      const key = former.environment['COFFER_MASTER_KEY'] ?? '';
      expect((await sealed.unseal({ key })).body).to.include({ sealed: false });
      expect(await tables()).to.deep.equal([{ name: 'seal' }]);
    } finally {
      await owner.end();
      await sealed.stop();
    }
  });
});

describe('a database without a vault', () => {
  it('stays as it is, and Unseal makes none', async () => {
    const database = await (await sharedPostgres()).createDatabase();
    const sealed = await startSealed({ database });
    try {
      for (const given of [{ key: randomBytes(32).toString('base64') }, { password }, { share: 'a share' }]) {
        const refused = await sealed.unseal(given);
        expect([refused.status, refused.body['code']]).to.deep.equal([400, 'failed_precondition']);
      }
      expect((await sealed.send('GET', '/v1/whoami')).status).to.equal(503);
    } finally {
      await sealed.stop();
    }
  });
});

/** Runs the command on the vault of a server that runs. */
async function split({ environment }: TestCoffer): Promise<readonly string[]> {
  const ended = await runCoffer(['keys', 'split', '--shares', '5', '--threshold', '3'], environment);
  expect(ended.exitCode, ended.output).to.equal(0);
  return ended.output.split('\n').filter((line) => line.startsWith('coffer-share-1:'));
}
