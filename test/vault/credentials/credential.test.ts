import { expect } from 'chai';
import { etagOf, stateOf, type Credential } from '../../../src/vault/credentials/credential.ts';

const now = new Date('2024-01-01T00:00:00Z');
const past = new Date('2023-12-31T23:59:59Z');
const future = new Date('2025-01-01T00:00:00Z');

const credential: Credential = {
  workspaceId: '018cc251-f400-7123-8abc-def012345678',
  id: '018cc251-f400-7123-8abc-def012345679',
  name: 'primary',
  nameIsExclusive: false,
  description: null,
  provider: 'openai',
  authType: 'api_key',
  category: null,
  scope: null,
  subject: null,
  tags: [],
  labels: {},
  metadata: null,
  isActive: true,
  expiresAt: null,
  lastUsedAt: null,
  useCount: 0,
  currentVersion: 1,
  oldestVersion: null,
  revision: 3,
  origin: 'coffer',
  createdBy: '018cc251-f400-7123-8abc-def01234567a',
  createdAt: past,
  updatedAt: past,
  deletedAt: null,
  purgeAt: null,
  purgedAt: null,
  noticeAt: null,
};

describe('the state of a credential', () => {
  const rows: [string, Partial<Credential>, string][] = [
    ['active', {}, 'ACTIVE'],
    ['active before its expiry', { expiresAt: future }, 'ACTIVE'],
    ['expired at the very moment of its expiry', { expiresAt: now }, 'EXPIRED'],
    ['inactive once deactivated', { isActive: false }, 'INACTIVE'],
    ['expired even where it was deactivated', { isActive: false, expiresAt: past }, 'EXPIRED'],
    ['deleted whatever else it is', { deletedAt: past, isActive: false, expiresAt: past }, 'DELETED'],
  ];
  for (const [title, change, state] of rows) {
    it(`is ${title}`, () => {
      expect(stateOf({ ...credential, ...change }, now)).to.equal(state);
    });
  }

  it('changes its etag with the revision, and not with a use', () => {
    const etag = etagOf(credential);
    expect(etagOf({ ...credential, useCount: 9, lastUsedAt: now })).to.equal(etag);
    expect(etagOf({ ...credential, revision: 4 })).not.to.equal(etag);
  });
});
