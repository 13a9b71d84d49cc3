import { expect } from 'chai';
import { userInfo } from 'node:os';
import { DatabaseUrlFault, parseDatabaseUrl } from '../../../../src/store/postgres/connect/database-servers.ts';

const hostsOf = (url: string): string[] => parseDatabaseUrl(url).hosts.map(({ host, port }) => `${host} ${port}`);

describe('the servers of a database URL', () => {
  const hosts: [string, string[]][] = [
    ['postgres://u@h/db', ['h 5432']],
    ['postgresql://u@h:6000/db', ['h 6000']],
    ['postgres://u@h1,h2/db', ['h1 5432', 'h2 5432']],
    ['postgres://u@h1:5432,h2:5433/db', ['h1 5432', 'h2 5433']],
    ['postgres://u:p@h1:6000,h2/db', ['h1 6000', 'h2 5432']],
    ['postgres://u@[::1],[2001:db8::1]:6000/db', ['::1 5432', '2001:db8::1 6000']],
    ['postgres://u@%2Frun%2Fpg:6000/db', ['/run/pg 6000']],
    ['postgres://u@/db?host=/run/pg', ['/run/pg 5432']],
    ['postgres://u@/db?host=h1,h2&port=1,2', ['h1 1', 'h2 2']],
    ['postgres://u@h1,h2/db?port=6000', ['h1 6000', 'h2 6000']],
    ['postgres:///db', ['localhost 5432']],
  ];
  for (const [url, expected] of hosts) {
    it(`names the hosts ${expected.join(', ')}: ${url}`, () => expect(hostsOf(url)).to.deep.equal(expected));
  }

  it('names user, password and database, percent-decoded', () => {
    const { database, password, user } = parseDatabaseUrl('postgres://a%40b:p%23:@h/a%20db');
    expect({ database, password, user }).to.deep.equal({ database: 'a db', password: 'p#:', user: 'a@b' });
  });

  it('leaves user and database to be those of the account, as libpq does', () => {
    const { database, password, user } = parseDatabaseUrl('postgres://h');
    const { username } = userInfo();
    expect({ database, password, user }).to.deep.equal({ database: username, password: undefined, user: username });
  });

  it('wants sessions that may write where there are several hosts, and any session of a single one', () => {
    expect(parseDatabaseUrl('postgres://u@h1,h2/db').target).to.equal('read-write');
    expect(parseDatabaseUrl('postgres://u@h/db').target).to.equal('any');
    for (const target of ['any', 'read-write', 'primary']) {
      expect(parseDatabaseUrl(`postgres://u@h1,h2/db?target_session_attrs=${target}`).target).to.equal(target);
    }
  });

  const modes: [string, { readonly order: readonly string[]; readonly verification: string }][] = [
    ['', { order: ['tls', 'plain'], verification: 'none' }],
    ['sslmode=disable', { order: ['plain'], verification: 'none' }],
    ['sslmode=allow', { order: ['plain', 'tls'], verification: 'none' }],
    ['sslmode=prefer', { order: ['tls', 'plain'], verification: 'none' }],
    ['sslmode=require', { order: ['tls'], verification: 'none' }],
    ['sslmode=require&sslrootcert=a', { order: ['tls'], verification: 'authority' }],
    ['sslmode=no-verify', { order: ['tls'], verification: 'none' }],
    ['sslmode=verify-ca&sslrootcert=a', { order: ['tls'], verification: 'authority' }],
    ['sslmode=verify-full', { order: ['tls'], verification: 'full' }],
    ['sslmode=verify-full&sslrootcert=system', { order: ['tls'], verification: 'full' }],
    ['ssl=true', { order: ['tls'], verification: 'full' }],
    ['ssl=0', { order: ['plain'], verification: 'none' }],
  ];
  for (const [parameters, expected] of modes) {
    it(`asks for sessions that are ${expected.order.join(', or else ')}, and verifies: ${expected.verification} (${parameters})`, () => {
      expect(parseDatabaseUrl(`postgres://u@h/db?${parameters}`).tls).to.include({
        verification: expected.verification,
      });
      expect(parseDatabaseUrl(`postgres://u@h/db?${parameters}`).tls.order).to.deep.equal(expected.order);
    });
  }

  const secret = 'hunter2';
  const refused: [string, RegExp][] = [
    [`mysql://u:${secret}@h/db`, /must begin with postgres:/],
    [`postgres://u:${secret}#x@h/db`, /percent-encoded/],
    [`postgres://u:${secret}%e9@h/db`, /percent-encoded/],
    [`postgres://u:${secret}@h:0/db`, /ports from 1 to 65535/],
    [`postgres://u:${secret}@h1,h2/db?port=1,2,3`, /one for each host/],
    [`postgres://u:${secret}@::1/db`, /in brackets/],
    [`postgres://u:${secret}@h1,h2/db?target_session_attrs=standby`, /standby/],
    [`postgres://u:${secret}@h1,h2/db?target_session_attrs=prefer-standby`, /target_session_attrs/],
    [`postgres://u:${secret}@h/db?target_session_attrs=read-only`, /target_session_attrs/],
    [`postgres://u:${secret}@h/db?sslmode=verify`, /sslmode/],
    [`postgres://u:${secret}@h/db?sslmode=verify-ca`, /sslrootcert/],
    [`postgres://u:${secret}@h/db?sslmode=require&sslrootcert=system`, /verify-full/],
    [`postgres://u:${secret}@h/db?sslmode=require&sslcert=a`, /both sslcert and sslkey/],
    [`postgres://u:${secret}@h/db?ssl_mode=verify-full`, /parameter of TLS/],
    [`postgres://u:${secret}@h/db?sslcrl=a`, /parameter of TLS/],
  ];
  for (const [url, problem] of refused) {
    it(`is refused in words that show nothing of it: ${url}`, () => {
      expect(() => parseDatabaseUrl(url))
        .to.throw(DatabaseUrlFault, problem)
        .with.property('message')
        .that.does.not.include(secret);
    });
  }
});
