import { expect } from 'chai';
import type { KeyedAuditChain } from '../../src/audit/keyed-audit-chain.ts';
import { auditEventDetails, type AuditEvent, type AuditEventDetails } from '../../src/vault/audit/audit-event.ts';
import { parseHead, formatHead, type ChainedEvent } from '../../src/vault/audit/audit-chain.ts';
import { newChain } from './fixtures.ts';

const stream = '018cc251-f400-7000-8000-00000000000a';
const otherStream = '018cc251-f400-7000-8000-00000000000b';

const event: AuditEvent = {
  id: '018cc251-f400-7000-8000-000000000001',
  time: new Date('2024-01-01T00:00:00.123Z'),
  workspaceId: '018cc251-f400-7000-8000-000000000002',
  actorKind: 'user',
  actorId: '018cc251-f400-7000-8000-000000000003',
  actorName: 'name',
  authentication: 'session',
  action: 'secrets.reveal',
  resourceKind: 'credential',
  resourceId: '018cc251-f400-7000-8000-000000000004',
  outcome: 'OK',
  protocol: 'rest',
  dialect: 'coffer',
  peer: '127.0.0.1',
  requestId: 'request',
  count: 1,
};

/** The event with one member different, for each member. */
const changes: Partial<Record<keyof AuditEvent, Partial<AuditEvent>>> = {
  id: { id: '018cc251-f400-7000-8000-000000000009' },
  time: { time: new Date('2024-01-01T00:00:00.124Z') },
  workspaceId: { workspaceId: null },
  actorKind: { actorKind: 'api_key' },
  actorId: { actorId: null },
  actorName: { actorName: 'name2' },
  authentication: { authentication: 'oidc' },
  action: { action: 'secrets.describe' },
  resourceKind: { resourceKind: 'workspace' },
  resourceId: { resourceId: null },
  outcome: { outcome: 'DENIED' },
  protocol: { protocol: 'grpc' },
  dialect: { dialect: 'scale' },
  peer: { peer: '::1' },
  requestId: { requestId: '' },
  count: { count: 2 },
};

describe('the chain of the audit trail', () => {
  let chain: KeyedAuditChain;
  let first: ChainedEvent;
  let second: ChainedEvent;

  before(async () => {
    chain = await newChain();
    first = chain.link(stream, chain.origin, event);
    second = chain.link(stream, first, { ...event, id: '018cc251-f400-7000-8000-000000000005' });
  });

  it('counts the events of a stream from 1, each naming the MAC before it', () => {
    expect([first.sequence, second.sequence]).to.deep.equal([1, 2]);
    expect(second.previous).to.deep.equal(first.mac);
    expect(first.mac).to.have.length(32);
  });

  it('knows its own events', () => {
    expect(chain.isGenuine(first)).to.equal(true);
    expect(chain.isGenuine(second)).to.equal(true);
  });

  it('gives events and lines the MACs that they have always had', async () => {
    const known = await newChain(new Uint8Array(32).fill(7));
    const one = known.link(stream, known.origin, event);
    const recorded = { actorName: 'Zoë 🔑', resourceId: null, resourceState: '2.1.00112233445566778899aabbccddeeff' };
    const line = { kind: 'begin', stream, time: event.time, heads: '{}' } as const;
    const macs = [
      one,
      known.link(stream, one, { ...event, ...recorded }),
      known.enter(undefined, line),
      known.link(stream, one, { ...event, ...recorded, ...details }),
      known.link(stream, one, { ...event, version: 1 }),
    ].map(({ mac }) => mac);
    expect(macs.map((mac) => Buffer.from(mac).toString('hex'))).to.deep.equal([
      '1127870faf1bf6af2863818d76fc22422c8e8157a65e06634df87f262ecbb622',
      '0fed1a453a93cbe4a2c8260df26361c4b495386bab0ed5aa667860b024f5178d',
      'a0f7cb486fe2b3b156f656c9609e781a8be07a65d918adfdf4bf7a5ade4b7ca2',
      'c9c6ee6865cce76a073cc270c1c41dde04b432913ea885963dd39f3ccb07a91c',
      'a36cbbef05b452cb3a37af3cc5890c693a3a591444f6259354ad60fb41632c9e',
    ]);
  });

  it('covers every member of an event', () => {
    expect(Object.keys(changes)).to.have.members(Object.keys(event));
    for (const [member, change] of Object.entries(changes)) {
      expect(chain.isGenuine({ ...first, event: { ...event, ...change } }), member).to.equal(false);
    }
  });

  const details: Required<AuditEventDetails> = {
    purpose: 'incident 7',
    version: 3,
    field: 'api_key',
    permission: 'secrets.reveal',
    relatedId: '018cc251-f400-7000-8000-000000000006',
    days: 7,
    formerScope: '0a1b2c3d.4e5f6a7b',
  };

  it('gives an event without details the MAC of one that has none', () => {
    const none = Object.fromEntries(auditEventDetails.map((name) => [name, null]));
    expect(chain.isGenuine({ ...first, event: { ...event, ...none, resourceState: null } })).to.equal(true);
  });

  it('covers every detail of an event, with and without others', () => {
    expect(Object.keys(details)).to.have.members(auditEventDetails);
    const all = chain.link(stream, chain.origin, { ...event, ...details });
    expect(chain.isGenuine(all)).to.equal(true);
    for (const name of auditEventDetails) {
      const one = { [name]: details[name] };
      const other = typeof details[name] === 'number' ? { [name]: details[name] + 1 } : { [name]: 'x' };
      const isGenuine = (chained: ChainedEvent, changed: AuditEvent) => chain.isGenuine({ ...chained, event: changed });
      expect(isGenuine(first, { ...event, ...one }), `${name} is added`).to.equal(false);
      expect(isGenuine(all, { ...event, ...details, ...other }), `${name} is changed`).to.equal(false);
      expect(isGenuine(all, { ...event, ...details, [name]: null }), `${name} is removed`).to.equal(false);
    }
  });

  it('does not take a detail for a state, nor one detail for another', () => {
    const { purpose, field } = details;
    const one = chain.link(stream, chain.origin, { ...event, purpose });
    const texts = [JSON.stringify({ purpose }), purpose];
    for (const resourceState of texts) {
      expect(chain.isGenuine({ ...one, event: { ...event, resourceState } })).to.equal(false);
    }
    const both = chain.link(stream, chain.origin, { ...event, purpose, field });
    expect(chain.isGenuine({ ...both, event: { ...event, purpose: field, field: purpose } })).to.equal(false);
    const quoted = `${purpose}","field":"${field}`;
    expect(chain.isGenuine({ ...both, event: { ...event, purpose: quoted } })).to.equal(false);
  });

  it('covers the place of an event', () => {
    const places: Partial<ChainedEvent>[] = [
      { stream: otherStream },
      { sequence: 2 },
      { previous: second.mac },
      { mac: second.mac },
      { mac: new Uint8Array() },
    ];
    for (const place of places) expect(chain.isGenuine({ ...first, ...place })).to.equal(false);
  });

  it('does not take what stands in one member for another', () => {
    const shifted = { ...event, actorName: 'nam', authentication: 'session' as const, protocol: 'erest' };
    expect(chain.isGenuine({ ...first, event: shifted })).to.equal(false);
  });

  it('is another one under another key', async () => {
    expect((await newChain()).isGenuine(first)).to.equal(false);
  });

  it('takes an event without a count for one', () => {
    const { count, ...uncounted } = event;
    expect(count).to.equal(1);
    expect(chain.isGenuine({ ...first, event: uncounted })).to.equal(true);
  });

  describe('of the ledger', () => {
    const line = { kind: 'begin', stream, time: event.time, heads: '{}' } as const;

    it('numbers its lines, each bound to the one before', () => {
      const one = chain.enter(undefined, line);
      const two = chain.enter(one, { ...line, stream: otherStream });
      expect([one.number, two.number]).to.deep.equal([1, 2]);
      expect(chain.follows(undefined, one)).to.equal(true);
      expect(chain.follows(one, two)).to.equal(true);
      expect(chain.follows(undefined, two)).to.equal(false);
      expect(chain.follows(two, two)).to.equal(false);
    });

    it('covers all fields of a line', () => {
      const one = chain.enter(undefined, line);
      const others = [
        { number: 2 },
        { kind: 'prune' as const },
        { stream: otherStream },
        { time: new Date(0) },
        { heads: '{ }' },
      ];
      for (const other of others) expect(chain.follows(undefined, { ...one, ...other })).to.equal(false);
    });

    it('never takes an event for a line', () => {
      const one = chain.enter(undefined, line);
      expect(chain.follows(undefined, { ...one, mac: first.mac })).to.equal(false);
    });
  });

  describe('formats heads', () => {
    it('so that they can be read again', () => {
      expect(parseHead(formatHead(second))).to.deep.equal({ sequence: 2, mac: Uint8Array.from(second.mac) });
    });

    it('and reads nothing else', () => {
      const mac = 'a'.repeat(64);
      for (const text of [
        '',
        '1',
        `0:${mac}`,
        `01:${mac}`,
        `-1:${mac}`,
        `1:${mac}0`,
        `1:${mac.slice(1)}`,
        `1:${mac.toUpperCase()}`,
      ]) {
        expect(parseHead(text), text).to.equal(undefined);
      }
    });
  });
});
