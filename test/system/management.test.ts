import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { startCoffer as startServer } from '../../src/start/coffer.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseMetrics, sumOf } from '../support/metrics.ts';
import { sharedPostgres } from '../support/postgres.ts';

const token = 'a-token-for-metrics';
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });

describe('a Coffer with a token for metrics and a management listener', () => {
  let coffer: TestCoffer;
  let managementOrigin: string | undefined;

  before(async () => {
    coffer = await startCoffer({
      environment: { COFFER_HOST: '0.0.0.0', COFFER_METRICS_TOKEN: token, COFFER_MANAGEMENT_PORT: '0' },
      async start(config, parts) {
        const running = await startServer(config, parts);
        ({ managementOrigin } = running);
        return running;
      },
    });
  });
  after(() => coffer.stop());

  it('has the management listener on a loopback address, with probes and metrics only', async () => {
    expect(managementOrigin).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    for (const [path, status] of [
      ['/healthz', 200],
      ['/readyz', 200],
      ['/metrics', 200],
      ['/v1/whoami', 404],
      ['/openapi.json', 404],
    ] as const) {
      const response = await fetch(managementOrigin + path, bearer(coffer.adminToken));
      expect(response.status, path).to.equal(status);
      await response.arrayBuffer();
    }
  });

  it('lets the token read metrics, and nothing else', async () => {
    const read = await fetch(`${coffer.origin}/metrics`, bearer(token));
    expect(read.status).to.equal(200);
    expect(await read.text()).to.include('coffer_ready 1');
    expect((await fetch(`${coffer.origin}/metrics`, bearer(`${token}x`))).status).to.equal(401);
    expect((await fetch(`${coffer.origin}/v1/whoami`, bearer(token))).status).to.equal(401);
  });

  it('answers with metrics also while the database is away', async () => {
    const { connection } = await sharedPostgres();
    const superuser = new Client(connection);
    await superuser.connect();
    const { database } = coffer.database.connection;
    await superuser.query(`drop database ${superuser.escapeIdentifier(database)} with (force)`);
    await superuser.end();
    while ((await fetch(`${coffer.origin}/readyz`)).status !== 503) await delay(20);
    expect((await fetch(`${managementOrigin}/readyz`)).status).to.equal(503);
    for (const origin of [coffer.origin, managementOrigin]) {
      const response = await fetch(`${origin}/metrics`, bearer(token));
      expect(response.status, origin).to.equal(200);
      expect(sumOf(parseMetrics(await response.text()), 'coffer_ready')).to.equal(0);
    }
  });
});
