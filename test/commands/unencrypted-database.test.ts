import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { runCoffer, type CommandEnd } from '../support/coffer-process.ts';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.ts';

const masterKey = randomBytes(32).toString('base64');
const warning = 'sessions at the database are not encrypted though it is on another host';
/** An address of this machine that is not of the loopback device: from there it might as well be another host. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const addresses = ['127.0.0.1', ...(outside === undefined ? [] : [outside])];

describe('a database that is reached without TLS', function () {
  this.timeout(30_000);
  let server: PostgresServer;

  before(async () => {
    server = await startPostgresServer({
      settings: [`listen_addresses = '${addresses.join(',')}'`],
      access: ['local all all trust', ...addresses.map((address) => `host all all ${address}/32 trust`)],
    });
  });

  after(() => server.stop());

  const migrate = (host: string, parameters: string): Promise<CommandEnd> => {
    return runCoffer(['migrate'], {
      COFFER_MASTER_KEY: masterKey,
      COFFER_DATABASE_URL: `postgres://coffer@${host}:${server.port}/postgres${parameters}`,
    });
  };

  it('is warned of where it is on another host', async function () {
    if (outside === undefined) this.skip();
    const { exitCode, output } = await migrate(outside ?? '', '');
    expect([exitCode, output.includes(warning)], output).to.deep.equal([0, true]);
  });

  it('is not warned of where it is on this machine', async () => {
    const { exitCode, output } = await migrate('127.0.0.1', '');
    expect([exitCode, output.includes(warning)], output).to.deep.equal([0, false]);
  });

  for (const mode of ['disable', 'prefer', 'allow']) {
    it(`brings no warning of the driver into the log by sslmode=${mode}`, async () => {
      const { exitCode, output } = await migrate('127.0.0.1', `?sslmode=${mode}`);
      expect(exitCode, output).to.equal(0);
      expect(output).not.to.match(/warning|libpq/i);
    });
  }
});
