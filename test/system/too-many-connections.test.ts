import { expect } from 'chai';
import { pino } from 'pino';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseMetrics, sumOf } from '../support/metrics.ts';
import { sharedPostgres } from '../support/postgres.ts';

const credentials = '/v1/workspaces/default/credentials';
const callsAtOnce = 48;

describe('a Coffer whose database allows fewer connections than its pool would like', function () {
  this.timeout(60_000);
  const lines: string[] = [];
  let coffer: TestCoffer;
  let admin: Client;
  let user: string;

  before(async () => {
    const { connection } = await (await sharedPostgres()).createDatabase();
    admin = new Client(connection);
    await admin.connect();
    // Not as a superuser, who is let in beyond any limit.
    user = `${connection.database}_owner`;
    await admin.query(`create role ${user} login createrole`);
    await admin.query(`alter database ${connection.database} owner to ${user}`);
    await admin.query(
      `do $$ begin if exists (select from pg_roles where rolname = 'coffer_app') then grant coffer_app to ${user}; end if; end $$`,
    );
    const { host, port } = connection;
    const url = `postgresql://${user}@${encodeURIComponent(host)}:${port}/${connection.database}`;
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    coffer = await startCoffer({ database: { connection, url }, log });
  });

  after(async () => {
    await coffer.stop();
    await admin.end();
  });

  /** The statuses of calls that read and write, all at the same time. */
  async function statuses(): Promise<readonly number[]> {
    const headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
    return Promise.all(
      Array.from({ length: callsAtOnce }, async (_, index) => {
        const body = JSON.stringify({
          credential: { name: `c ${index}`, provider: 'openai', auth_type: 'api_key' },
          secret: { api_key: 'k' },
        });
        const isRead = index % 2 === 0;
        const response = await fetch(coffer.origin + credentials + (isRead ? `?page_size=${index + 1}` : ''), {
          method: isRead ? 'GET' : 'POST',
          headers,
          ...(!isRead && { body }),
        });
        await response.arrayBuffer();
        return response.status;
      }),
    );
  }

  const ofPool = async (): Promise<number> =>
    sumOf(parseMetrics(await (await fetch(`${coffer.origin}/metrics`)).text()), 'coffer_database_connections');

  it('answers all calls over those that are open, stays ready, and reports it in the log', async () => {
    await admin.query(`alter role ${user} connection limit 8`);
    for (let round = 0; round < 3; round += 1) {
      expect(await statuses()).to.deep.equal(Array(callsAtOnce).fill(200));
    }
    expect(await ofPool()).to.be.within(1, 8);
    expect((await fetch(`${coffer.origin}/readyz`)).status).to.equal(200);
    expect(lines.filter((line) => line.includes('too many connections'))).to.have.length(1);
  });

  it('opens more once it may', async () => {
    await admin.query(`alter role ${user} connection limit -1`);
    while ((await ofPool()) <= 8) expect(await statuses()).to.deep.equal(Array(callsAtOnce).fill(200));
  });
});
