import { expect } from 'chai';
import {
  canonicalAddress,
  canonicalSocketAddress,
  compileTrustedProxies,
} from '../../../src/gateway/port/peer-address.ts';

describe('the canonical text of an address', () => {
  const spellings: Readonly<Record<string, readonly string[]>> = {
    '1.2.3.4': [
      '1.2.3.4',
      ' 1.2.3.4\t',
      '1.2.3.4:443',
      '1.2.3.4:0',
      '1.2.3.4:',
      '[1.2.3.4]',
      '::ffff:1.2.3.4',
      '::FFFF:1.2.3.4',
      '::ffff:0102:0304',
      '::ffff:102:304',
      '0:0:0:0:0:FFFF:102:304',
      '0000:0000:0000:0000:0000:ffff:1.2.3.4',
      '[::ffff:1.2.3.4]',
      '[::FFFF:0102:0304]:65535',
      '::ffff:1.2.3.4%eth0',
    ],
    '2001:db8::1': [
      '2001:db8::1',
      '2001:DB8::1',
      '2001:0db8:0000:0000:0000:0000:0000:0001',
      '2001:db8:0:0:0:0:0:1',
      '2001:db8:0::0:1',
      '2001:db8::0.0.0.1',
      '[2001:db8::1]',
      '[2001:DB8:0::1]:443',
      ' [2001:db8::1] ',
    ],
    'fe80::1': ['fe80::1', 'fe80::1%eth0', 'FE80:0::1%25en0', '[fe80::1%eth0]:1', '[fe80::1%1]'],
    '::1': ['::1', '[::1]', '0:0:0:0:0:0:0:1', '[::1]:8080'],
    '::': ['::', '0:0:0:0:0:0:0:0'],
  };
  for (const [canonical, texts] of Object.entries(spellings)) {
    for (const text of texts) {
      it(`is ${canonical} of ${JSON.stringify(text)}`, () => expect(canonicalAddress(text)).to.equal(canonical));
    }
  }

  const others = ['', ' ', 'unknown', '_hidden', 'localhost', 'example.com:443', '1.2.3', '1.2.3.4.5', '1.2.3.256']
    .concat(
      '01.2.3.4',
      '1.2.3.04',
      '0x1.2.3.4',
      '16909060',
      '1.2.3.4:123456',
      '1.2.3.4:http',
      '1.2.3.4%eth0',
      '1.2.3.4\0',
    )
    .concat(
      '[1.2.3.4',
      '1.2.3.4]',
      '[[::1]]',
      '[]',
      '[::1]x',
      '[::1]443',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7:8:9',
      'g::1',
    )
    .concat(
      '%eth0',
      '1.2.3.4/32',
      '"1.2.3.4"',
      '１.2.3.4',
      '١.2.3.4',
      `${'1'.repeat(10_000)}.2.3.4`,
      ':'.repeat(10_000),
    );
  for (const text of others) {
    it(`is none of ${JSON.stringify(text.slice(0, 20))}`, () => expect(canonicalAddress(text)).to.equal(undefined));
  }

  it('is its own canonical text', () => {
    for (const text of Object.values(spellings).flat()) {
      const canonical = canonicalAddress(text) ?? '';
      expect(canonicalAddress(canonical)).to.equal(canonical);
      expect(canonicalSocketAddress(canonical)).to.equal(canonical);
    }
  });

  for (const [socket, canonical] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['', ''],
  ] as const) {
    it(`is ${canonical} of the socket's ${socket}`, () => expect(canonicalSocketAddress(socket)).to.equal(canonical));
  }
});

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
