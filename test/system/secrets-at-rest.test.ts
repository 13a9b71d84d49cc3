import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { attachEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { parseObject, textOf } from '../support/json.ts';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';

/** A secret that no other text of the data directory could hold by chance, longer than one word in base64. */
function freshSecret(): string {
  return `canary-${randomBytes(24).toString('hex')}`;
}

/** How a secret could show: as it is, in hex, and in base64 at each of the three alignments. */
function spellingsOf(secret: string): readonly Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString('base64');
    return text.slice(4, -4);
  });
  const hex = Buffer.from(secret).toString('hex');
  const withoutPadding = base64.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
  return [secret, hex, hex.toUpperCase(), ...withoutPadding].map((text) => Buffer.from(text));
}

describe('the data directory, the logs and the tables', () => {
  let dataDir: string;
  let coffer: CofferProcess;
  const stored: string[] = [];
  const password = freshSecret();
  let session: string;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-rest-'));
    coffer = await startCofferProcess(dataDir, { COFFER_LOG_LEVEL: 'debug' });
    await storeThroughEverything();
  });

  after(async () => {
    await coffer.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('hold no secret, password or token in a COPY of any table', async () => {
    const connection = await attachEmbeddedPostgres(dataDir);
    const client = new Client(connection);
    await client.connect();
    const { rows } = await client.query(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public'",
    );
    const dumps: string[] = [];
    for (const { name } of rows) {
      const { rows: lines } = await client.query(`select t::text as line from ${name} t`);
      dumps.push(...lines.map(({ line }) => line));
    }
    await client.end();
    expect(rows.length).to.be.greaterThan(9);
    expect(dumps.length).to.be.greaterThan(stored.length * 2);
    expectNone('a table', Buffer.from(dumps.join('\n')));
  });

  it('hold none after a stop, in any file or line of the log', async () => {
    expect(await coffer.stop()).to.equal(0);
    expectNone('the log', Buffer.from(coffer.output()));
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !['master.key', 'admin.key'].includes(entry.name));
    expect(files.length).to.be.greaterThan(100);
    for (const file of files) expectNone(file.name, await readFile(join(file.parentPath, file.name)));
  });

  it('would show a secret that was there', () => {
    const sample = freshSecret();
    for (const spelling of [
      sample,
      Buffer.from(sample).toString('hex'),
      Buffer.from(`x${sample}y`).toString('base64'),
    ]) {
      expect(spellingsOf(sample).some((needle) => Buffer.from(`before ${spelling} after`).includes(needle))).to.equal(
        true,
      );
    }
  });

  function expectNone(place: string, bytes: Buffer): void {
    for (const text of [...stored, password, session, coffer.adminToken]) {
      const isThere = spellingsOf(text).some((needle) => bytes.includes(needle));
      expect(isThere, `a secret in ${place}`).to.equal(false);
    }
  }

  function secret(): string {
    const fresh = freshSecret();
    stored.push(fresh);
    return fresh;
  }

  async function storeThroughEverything(): Promise<void> {
    const workspace = textOf(await send('GET', '/v1/whoami'), 'default_workspace_short_id');
    await send('POST', '/api/v1/credentials/', { name: 'a', credentialName: 'x', credentialData: { k: secret() } });
    await send('POST', '/api/v1/credentials', {
      label: 'b',
      auth_type: 'api_key',
      credential_scope: 'workspace',
      credentials: { nested: { k: [secret()] } },
    });
    await send('POST', '/v5/credentials', { type: 'key', name: 'c', payload: secret() });
    await send('POST', `/frontend/workspaces/${workspace}/credentials/api-key`, {
      name: 'd',
      provider: 'P',
      api_key: secret(),
    });
    await send('POST', '/api/auth/setup', { password, confirm: password });
    session = textOf(await send('POST', '/api/auth/login', { password }), 'token');
    await send('POST', '/api/credentials', { service: 'openai', name: 'e', key: secret() }, session);
    const native = { credential: { name: 'f', provider: 'p' }, secret: { k: secret() } };
    const created = await send('POST', '/v1/workspaces/default/credentials', native);
    await send('POST', `/v1/workspaces/default/credentials/${textOf(created, 'credential', 'id')}:reveal`, {});
    await refuse(`/frontend/workspaces/${workspace}/credentials/api-key`, {
      name: 7,
      provider: 'P',
      api_key: { k: secret() },
    });
    await refuse('/v5/credentials', { type: 'key', name: 'c', payload: [secret()] });
    await refuse('/api/v1/credentials', { label: '', credentials: secret() });
    await refuse('/v1/workspaces/default/credentials', { secret: secret() });
  }

  async function send(method: string, path: string, body?: JsonValue, token = coffer.adminToken): Promise<JsonObject> {
    const response = await request(method, path, body, token);
    expect(response.ok, `${path} answered ${response.status}`).to.equal(true);
    return parseObject(await response.text());
  }

  async function refuse(path: string, body: JsonValue): Promise<void> {
    const response = await request('POST', path, body, coffer.adminToken);
    expect(response.status, path).to.be.within(400, 499);
    const answer = Buffer.from(await response.text());
    for (const text of stored) {
      expect(
        spellingsOf(text).some((needle) => answer.includes(needle)),
        `a secret in the answer of ${path}`,
      ).to.equal(false);
    }
  }

  function request(method: string, path: string, body: JsonValue | undefined, token: string): Promise<Response> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return fetch(coffer.origin + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }
});
