import { expect } from 'chai';
import { ConfigError, type Environment } from '../../src/config/config.ts';
import { readConfig } from '../../src/start/read-config.ts';
import { connectionsMaxDefault } from '../../src/gateway/port/port.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const transit = { COFFER_TRANSIT_KEY: 'coffer', COFFER_TRANSIT_TOKEN: 's.a' };

function parse(environment: Environment, files: Record<string, string> = {}) {
  return readConfig(environment, (path) => {
    const text = files[path];
    if (text === undefined) throw new Error('no such file');
    return text;
  });
}

function problemsOf(environment: Environment, files?: Record<string, string>): readonly string[] {
  try {
    parse(environment, files);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('the configuration', () => {
  it('needs no variable at all', () => {
    const config = parse({ PATH: '/bin', COFFER_HOST: '' });
    expect(config.host).to.equal('127.0.0.1');
    expect(config.port).to.equal(3978);
    expect(config.database).to.deep.equal({ kind: 'embedded' });
    expect(config.masterKey).to.deep.equal({ kind: 'file' });
    expect(config).to.include({ databasePoolMax: 16, databaseCallsMax: 12 });
    expect(config.shutdownTimeoutMs).to.equal(10_000);
    expect(config.secretBytesMax).to.equal(65_536);
    expect(config.lifecycle).to.deep.equal({
      versionsMax: 100,
      versionDaysMax: null,
      purgeDays: 30,
      expiryNoticeDays: [30, 7, 1],
      usedWithinDays: 0,
    });
  });

  it('takes an IPv6 address with and without the brackets of URLs', () => {
    for (const [text, host] of [
      ['[::1]', '::1'],
      ['::1', '::1'],
      ['[::]', '::'],
      ['vault.example', 'vault.example'],
    ] as const) {
      expect(parse({ COFFER_HOST: text }).host, text).to.equal(host);
    }
  });

  it('counts every session of the process, and refuses so few that too few are left for calls', () => {
    const server = { COFFER_DATABASE_URL: 'postgres://h/d', COFFER_MASTER_KEY: key };
    expect(parse({ ...server, COFFER_DATABASE_POOL_MAX: '5' })).to.include({ databasePoolMax: 5, databaseCallsMax: 2 });
    expect(parse({ COFFER_DATABASE_POOL_MAX: '6' })).to.include({ databasePoolMax: 6, databaseCallsMax: 2 });
    expect(problemsOf({ ...server, COFFER_DATABASE_POOL_MAX: '4' })).to.deep.equal([
      'COFFER_DATABASE_POOL_MAX must be a whole number from 5 to 1000: of all sessions, 3 are not for calls, which need 2',
    ]);
    expect(problemsOf({ COFFER_DATABASE_POOL_MAX: '5' })).to.deep.equal([
      'COFFER_DATABASE_POOL_MAX must be a whole number from 6 to 1000: of all sessions, 4 are not for calls, which need 2',
    ]);
  });

  it('limits no calls by default', () => {
    expect(parse({})).to.include({ rateLimitPerKey: 0, rateLimitPerAddress: 0 });
    expect(parse({})).to.include({ connectionsPerAddress: connectionsMaxDefault / 4 });
    expect(parse({ COFFER_CONNECTIONS_PER_ADDRESS: '0' })).to.include({ connectionsPerAddress: 0 });
    const config = parse({ COFFER_RATE_LIMIT_PER_KEY: '50', COFFER_RATE_LIMIT_PER_ADDRESS: '200' });
    expect(config).to.include({ rateLimitPerKey: 50, rateLimitPerAddress: 200 });
  });

  it('serves health and metrics apart only where a port is given for them, on a loopback address by default', () => {
    expect(parse({ COFFER_MANAGEMENT_HOST: '0.0.0.0' })).to.include({ management: null, metricsToken: null });
    expect(parse({ COFFER_MANAGEMENT_PORT: '9090' }).management).to.deep.equal({ host: '127.0.0.1', port: 9090 });
    const given = { COFFER_MANAGEMENT_PORT: '0', COFFER_MANAGEMENT_HOST: '[::]', COFFER_METRICS_TOKEN_FILE: '/token' };
    const config = parse(given, { '/token': 'a-token-for-metrics\n' });
    expect(config.management).to.deep.equal({ host: '::', port: 0 });
    expect(config).to.include({ metricsToken: 'a-token-for-metrics' });
    expect(config.keyFiles).to.deep.equal(['/token']);
    for (const token of ['short', 'a token with spaces', 'ein-schlüssel-für-metriken']) {
      expect(problemsOf({ COFFER_METRICS_TOKEN: token })).to.deep.equal([
        'COFFER_METRICS_TOKEN must have 12 to 512 characters of ASCII without spaces',
      ]);
    }
  });

  it('takes a value from a file, without its last newline', () => {
    const config = parse({ COFFER_MASTER_KEY_FILE: '/run/secrets/key' }, { '/run/secrets/key': `${key}\n` });
    expect(config.masterKey).to.deep.equal({ kind: 'key', key, file: '/run/secrets/key' });
  });

  it('reads lists with or without spaces', () => {
    const config = parse({
      COFFER_CORS_ORIGINS: 'https://a.example, http://b.example:8080',
      COFFER_TRUSTED_PROXIES: '10.0.0.0/8',
    });
    expect(config.corsOrigins).to.deep.equal(['https://a.example', 'http://b.example:8080']);
    expect(config.trustedProxies).to.deep.equal(['10.0.0.0/8']);
  });

  it('takes days of notice as a list in any order, each once, or none', () => {
    for (const [text, days] of [
      ['7, 90,7', [90, 7]],
      ['none', []],
    ] as const) {
      expect(parse({ COFFER_EXPIRY_NOTICE_DAYS: text }).lifecycle.expiryNoticeDays).to.deep.equal(days);
    }
    for (const text of ['0', '7,', '-1', '1.5', '36501', '1,2,3,4,5,6,7,8,9,10,11', 'never']) {
      expect(problemsOf({ COFFER_EXPIRY_NOTICE_DAYS: text }), text).to.deep.equal([
        'COFFER_EXPIRY_NOTICE_DAYS must be at most 10 whole numbers from 1 to 36500, separated by commas, or none',
      ]);
    }
  });

  it('keeps deleted credentials for a day at least', () => {
    expect(parse({ COFFER_PURGE_DAYS: '1' }).lifecycle.purgeDays).to.equal(1);
    expect(problemsOf({ COFFER_PURGE_DAYS: '0' })).to.deep.equal([
      'COFFER_PURGE_DAYS must be a whole number from 1 to 36500',
    ]);
  });

  it('takes an issuer of tokens, over TLS or from this machine, and names its claims', () => {
    for (const issuer of ['https://issuer.example/realms/one', 'http://127.0.0.1:8080', 'http://localhost:8080/']) {
      const { oidc } = parse({ COFFER_OIDC_ISSUER: issuer, COFFER_OIDC_AUDIENCE: 'coffer' });
      expect(oidc).to.deep.equal({
        issuer,
        audience: 'coffer',
        workspaceClaim: 'coffer_workspace',
        roleClaim: 'coffer_role',
      });
    }
    const given = { COFFER_OIDC_WORKSPACE_CLAIM: 'https://a.example/tenant', COFFER_OIDC_ROLE_CLAIM: 'job' };
    const { oidc } = parse({ COFFER_OIDC_ISSUER: 'https://i.example', COFFER_OIDC_AUDIENCE: 'coffer', ...given });
    expect(oidc).to.include({ workspaceClaim: 'https://a.example/tenant', roleClaim: 'job' });
    expect(parse({}).oidc).to.equal(null);
  });

  it('names the files that hold keys and passwords, and no others', () => {
    const files = {
      '/url': 'postgres://db/coffer',
      '/password': 'correct horse battery',
      '/admin': `cof_${'a'.repeat(43)}`,
      '/host': '127.0.0.1',
    };
    const { keyFiles } = parse(
      {
        COFFER_DATABASE_URL_FILE: '/url',
        COFFER_MASTER_PASSWORD_FILE: '/password',
        COFFER_ADMIN_API_KEY_FILE: '/admin',
        COFFER_HOST_FILE: '/host',
        COFFER_TLS_CERT: '/tls.crt',
        COFFER_TLS_KEY: '/tls.key',
      },
      files,
    );
    expect(keyFiles).to.deep.equal(['/url', '/password', '/admin', '/tls.key']);
    expect(parse({ COFFER_MASTER_KEY_FILE: '/key' }, { '/key': key }).keyFiles).to.deep.equal(['/key']);
  });

  it('reports every problem at once, and none of the values', () => {
    const problems = problemsOf({
      COFFER_PORT: '70000',
      COFFER_MASTER_KEY: 'not-a-key',
      COFFER_MASTER_PASSWORD: 'short',
      COFFER_ADMIN_API_KEY: 'cof_wrong',
      COFFER_TLS_CERT: '/cert.pem',
      COFFER_CORS_ORIGINS: 'https://a.example/example-path',
      COFFER_LOG_LEVEL: 'loud',
    });
    expect(problems).to.have.lengthOf(8);
    expect(problems.join('\n')).not.to.match(/70000|not-a-key|short|cof_wrong|example.path|loud/);
  });

  it('takes the master key from a command, with its arguments in a JSON list, or from a transit engine', () => {
    expect(parse({ COFFER_MASTER_KEY_COMMAND: '/bin/key -a' }).masterKey).to.deep.equal({
      kind: 'command',
      program: '/bin/key -a',
      parameters: [],
    });
    expect(parse({ COFFER_MASTER_KEY_COMMAND: '["op", "read", "op://coffer"]' }).masterKey).to.deep.equal({
      kind: 'command',
      program: 'op',
      parameters: ['read', 'op://coffer'],
    });
    for (const [url, engine] of [
      ['https://bao:8200', 'https://bao:8200/v1/transit'],
      ['https://bao:8200/', 'https://bao:8200/v1/transit'],
      ['https://bao/v1/team/transit/', 'https://bao/v1/team/transit'],
    ] as const) {
      expect(parse({ ...transit, COFFER_TRANSIT_URL: url }).masterKey).to.deep.equal({
        kind: 'transit',
        url: engine,
        key: 'coffer',
        token: 's.a',
        authority: null,
      });
    }
  });

  const refused: [string, Environment, string][] = [
    ['a variable that it does not know', { COFFER_MASTER_PASWORD: 'correct horse battery' }, 'COFFER_MASTER_PASWORD'],
    ['a variable given both ways', { COFFER_HOST: 'a', COFFER_HOST_FILE: '/missing' }, 'exclude one another'],
    ['a file that can not be read', { COFFER_HOST_FILE: '/missing' }, 'can not be read'],
    ['a server without a master key', { COFFER_DATABASE_URL: 'postgres://db/coffer' }, 'needs COFFER_MASTER_PASSWORD'],
    [
      'two places of the master key',
      { COFFER_MASTER_KEY: key, COFFER_MASTER_KEY_COMMAND: '/bin/key' },
      'COFFER_MASTER_KEY and COFFER_MASTER_KEY_COMMAND exclude one another',
    ],
    ['a command that is no list', { COFFER_MASTER_KEY_COMMAND: '["/bin/key"' }, 'must be the path of a program'],
    ['a command of numbers', { COFFER_MASTER_KEY_COMMAND: '[1]' }, 'must be the path of a program'],
    ['a command without a program', { COFFER_MASTER_KEY_COMMAND: '[]' }, 'must be the path of a program'],
    ['a transit engine without a key', { COFFER_TRANSIT_URL: 'https://bao', COFFER_TRANSIT_TOKEN: 's.a' }, 'needs'],
    ['a transit engine without TLS', { ...transit, COFFER_TRANSIT_URL: 'http://bao' }, 'must be an https URL'],
    ['a transit engine with a password', { ...transit, COFFER_TRANSIT_URL: 'https://a:b@bao' }, 'must be an https URL'],
    [
      'an authority that is no certificate',
      { ...transit, COFFER_TRANSIT_URL: 'https://bao', COFFER_TRANSIT_CA: 'bao' },
      'must be the path of a PEM file',
    ],
    ['a key of no transit engine', { COFFER_TRANSIT_KEY: 'coffer' }, 'needs COFFER_TRANSIT_URL'],
    [
      'another kind of database',
      { COFFER_DATABASE_URL: 'mysql://db', COFFER_MASTER_KEY: key },
      'must begin with postgres://',
    ],
    ['a client CA without a certificate', { COFFER_TLS_CLIENT_CA: '/ca.pem' }, 'TLS needs both'],
    ['an issuer without an audience', { COFFER_OIDC_ISSUER: 'https://issuer.example' }, 'COFFER_OIDC_AUDIENCE'],
    ['an audience without an issuer', { COFFER_OIDC_AUDIENCE: 'coffer' }, 'COFFER_OIDC_ISSUER'],
    ['a claim without an issuer', { COFFER_OIDC_ROLE_CLAIM: 'role' }, 'COFFER_OIDC_ISSUER'],
    ...[
      'http://issuer.example',
      'ftp://issuer.example',
      'issuer.example',
      'https://user:password@issuer.example',
      'https://issuer.example?tenant=1',
      'https://issuer.example#tenant',
    ].map((issuer): [string, Environment, string] => [
      `the issuer ${issuer}`,
      { COFFER_OIDC_ISSUER: issuer, COFFER_OIDC_AUDIENCE: 'coffer' },
      'COFFER_OIDC_ISSUER must be an https URL',
    ]),
    ['a limit that is no number', { COFFER_RATE_LIMIT_PER_KEY: 'many' }, 'COFFER_RATE_LIMIT_PER_KEY must be'],
    ['no number of connections', { COFFER_CONNECTIONS_PER_ADDRESS: '-1' }, 'a whole number from 0 to 1000000'],
    ['too high a limit', { COFFER_RATE_LIMIT_PER_ADDRESS: '1000001' }, 'a whole number from 0 to 1000000'],
    ['a trusted proxy that is no address', { COFFER_TRUSTED_PROXIES: '10.0.0.1,proxy.lan' }, 'COFFER_TRUSTED_PROXIES'],
    ['a negative number', { COFFER_SHUTDOWN_TIMEOUT_MS: '-1' }, 'COFFER_SHUTDOWN_TIMEOUT_MS'],
  ];
  for (const [title, environment, text] of refused) {
    it(`refuses ${title}`, () => {
      expect(problemsOf(environment).join('\n')).to.include(text);
    });
  }
});
