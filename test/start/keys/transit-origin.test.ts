import { expect } from 'chai';
import type { ServerResponse } from 'node:http';
import { Client } from 'pg';
import { pino } from 'pino';
import type { Environment } from '../../../src/config/config.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { parseObject, textOf } from '../../support/json.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { startTransitServer, type TransitServer } from '../../support/transit-server.ts';

async function refusalOf(promise: Promise<TestCoffer>): Promise<string> {
  return promise.then(
    async (coffer) => {
      await coffer.stop();
      return 'started';
    },
    (error: unknown) => (error instanceof Error ? error.message : ''),
  );
}

const json = (body: unknown) => (response: ServerResponse) => void response.end(JSON.stringify(body));

function settingsOf({ authority, origin, token }: TransitServer, others: Environment = {}): Environment {
  return {
    COFFER_MASTER_KEY: '',
    COFFER_TRANSIT_URL: origin,
    COFFER_TRANSIT_KEY: 'coffer',
    COFFER_TRANSIT_TOKEN: token,
    COFFER_TRANSIT_CA: authority,
    COFFER_DATABASE_WAIT_MS: '0',
    ...others,
  };
}

describe('a master key that a transit engine wraps', function () {
  this.timeout(60_000);
  let transit: TransitServer;
  let database: TestDatabase;
  let environment: Environment;
  let credentialId: string;

  before(async () => {
    transit = await startTransitServer();
    const coffer = await startCoffer({ environment: settingsOf(transit) });
    ({ database } = coffer);
    environment = settingsOf(transit, { COFFER_ADMIN_API_KEY: coffer.adminToken });
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', {
      credential: { name: 'kept' },
      secret: { api_key: 'value' },
    });
    credentialId = textOf(created, 'credential', 'id');
    await coffer.stop();
  });

  after(() => transit.stop());
  afterEach(() => transit.answerWith(undefined));

  it('is made and wrapped once, and unwrapped at each start', async () => {
    const coffer = await startCoffer({ database, environment });
    const path = `/v1/workspaces/default/credentials/${credentialId}:reveal`;
    expect(await coffer.native('POST', path, {})).to.have.nested.property('secret.api_key', 'value');
    await coffer.stop();
    expect(transit.requests).to.deep.equal(['POST /v1/transit/encrypt/coffer', 'POST /v1/transit/decrypt/coffer']);
  });

  it('is asked for at the path of the URL where it has one', async () => {
    const url = `${transit.origin}/v1/team/transit/`;
    expect(
      await refusalOf(startCoffer({ database, environment: { ...environment, COFFER_TRANSIT_URL: url } })),
    ).to.equal('COFFER_TRANSIT_URL has no such transit engine or key (404)');
    expect(transit.requests.at(-1)).to.equal('POST /v1/team/transit/decrypt/coffer');
  });

  it('is not obtained with a wrong token, key or authority, or where something else answers', async () => {
    const cases: readonly (readonly [Environment, ((response: ServerResponse) => void) | undefined, string])[] = [
      [{ COFFER_TRANSIT_TOKEN: 's.wrong' }, undefined, 'refused the token of COFFER_TRANSIT_TOKEN (403)'],
      [{ COFFER_TRANSIT_KEY: 'other' }, undefined, 'has no such transit engine or key (404)'],
      [{ COFFER_TRANSIT_CA: '' }, undefined, 'is not available (UNABLE_TO_VERIFY_LEAF_SIGNATURE)'],
      [
        {},
        (response) => response.writeHead(400).end(),
        'refused to do it (400): the key, or what it wrapped, is another one',
      ],
      [{}, (response) => response.writeHead(307, { location: '/' }).end(), 'answered with status 307'],
      [{}, (response) => response.writeHead(503).end(), 'is not available (it is sealed, or down for maintenance)'],
      [{}, (response) => response.end('canary'), 'answered something that is not JSON'],
      [{}, json({ errors: ['canary'] }), 'answered decrypt without data.plaintext'],
      [{}, json({ data: { plaintext: 'Y2FuYXJ5' } }), 'unwrapped something that is not 32 bytes'],
      [{}, json({ data: { plaintext: 'x'.repeat(65_536) } }), 'answered more than 65536 bytes'],
      [{}, (response) => void response.destroy(), 'is not available (ECONNRESET)'],
    ];
    for (const [others, answer, problem] of cases) {
      transit.answerWith(answer);
      const started = startCoffer({ database, environment: { ...environment, ...others } });
      expect(await refusalOf(started)).to.equal(`COFFER_TRANSIT_URL ${problem}`);
    }
  });

  it('is waited for while its server is away, and the log names the reason without the token', async () => {
    const lines: string[] = [];
    transit.answerWith((response) => response.writeHead(503).end());
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    const starting = startCoffer({ database, log, environment: { ...environment, COFFER_DATABASE_WAIT_MS: '30000' } });
    while (lines.length === 0) await new Promise(setImmediate);
    transit.answerWith(undefined);
    await (await starting).stop();
    const [first = ''] = lines;
    expect(parseObject(first)).to.include({
      msg: 'waiting for the transit server that unwraps the master key',
      reason: 'it is sealed, or down for maintenance',
    });
    expect(lines.join('')).not.to.include(transit.token);
  });

  it('of another engine is refused, and so is an engine for a vault whose key it has not wrapped', async () => {
    const other = await startTransitServer();
    expect(await refusalOf(startCoffer({ database, environment: { ...environment, ...settingsOf(other) } }))).to.equal(
      'COFFER_TRANSIT_URL refused to do it (400): the key, or what it wrapped, is another one',
    );
    await other.stop();
    const plain = await startCoffer();
    await plain.stop();
    const started = startCoffer({ database: plain.database, environment: settingsOf(transit) });
    expect(await refusalOf(started)).to.match(
      /^COFFER_TRANSIT_URL has not wrapped the master key of this vault: give the key [0-9a-f]{16} itself$/,
    );
  });

  it('is not made anew where its keyring is missing although data exist', async () => {
    const copy = await startCoffer({ environment: settingsOf(transit) });
    await copy.stop();
    const client = new Client(copy.database.connection);
    await client.connect();
    await client.query('set session_replication_role = replica; delete from keyring');
    await client.end();
    const count = transit.requests.length;
    expect(await refusalOf(startCoffer({ database: copy.database, environment: settingsOf(transit) }))).to.equal(
      'COFFER_TRANSIT_URL wraps the key in the keyring, which is missing although data exist',
    );
    expect(transit.requests.length).to.equal(count);
  });
});
