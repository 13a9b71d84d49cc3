import { expect } from 'chai';
import { compileTrustedProxies } from '../../../src/gateway/port/peer-address.ts';

describe('proxies that are trusted', () => {
  const rows: readonly [texts: readonly string[], trusted: readonly string[], strangers: readonly string[]][] = [
    [[], [], ['127.0.0.1', '::1', '']],
    [['192.0.2.1'], ['192.0.2.1'], ['192.0.2.2', '::1', '']],
    [['::ffff:192.0.2.1'], ['192.0.2.1'], ['192.0.2.2']],
    [['[::FFFF:C000:0201]:443'], ['192.0.2.1'], ['192.0.2.2']],
    [['192.0.2.1:443'], ['192.0.2.1'], ['192.0.2.2']],
    [['10.0.0.0/8'], ['10.0.0.0', '10.255.1.2'], ['11.0.0.0', '::1', '::']],
    [['10.0.0.0/255.0.0.0'], ['10.255.1.2'], ['11.0.0.0']],
    [['::ffff:10.0.0.0/104'], ['10.255.1.2'], ['11.0.0.0']],
    [['2001:DB8:0::/48'], ['2001:db8::1', '2001:db8:0:ffff::1'], ['2001:db8:1::1', '192.0.2.1']],
    [['[2001:0db8::1]'], ['2001:db8::1'], ['2001:db8::2']],
    [['fe80::1%eth0'], ['fe80::1'], ['fe80::2']],
    [
      ['loopback', 'LinkLocal'],
      ['127.9.9.9', '::1', '169.254.1.1', 'fe80::9'],
      ['10.0.0.1', 'fc00::1'],
    ],
    [['uniquelocal'], ['10.1.1.1', '172.16.0.1', '192.168.3.4', 'fd00::1'], ['172.32.0.1', '::1']],
  ];
  for (const [texts, trusted, strangers] of rows) {
    it(`named as ${JSON.stringify(texts)} are those and no others`, () => {
      const isTrusted = compileTrustedProxies(texts);
      expect(trusted.map((address) => isTrusted?.(address))).to.deep.equal(trusted.map(() => true));
      expect(strangers.map((address) => isTrusted?.(address))).to.deep.equal(strangers.map(() => false));
    });
  }

  const mistakes = [
    '',
    'proxy.example.com',
    '*',
    '10.0.0.0/0',
    '10.0.0.0/33',
    '::/0',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/x',
  ].concat(
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.255.0',
    '10.0.0.0/-1',
    '::ffff:10.0.0.0/96',
    '010.0.0.0/8',
    '10.0.0/8',
    '/8',
  );
  for (const text of mistakes) {
    it(`are not named by ${JSON.stringify(text)}`, () => {
      expect(compileTrustedProxies(['192.0.2.1', text])).to.equal(undefined);
    });
  }
});
