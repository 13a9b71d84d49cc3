import type { Credential } from '../../src/vault/credentials/credential.ts';

/** A credential for testing mappings, of whatever origin and members a test needs. */
export function sampleCredential(members: Partial<Credential> & Pick<Credential, 'origin' | 'authType'>): Credential {
  return {
    workspaceId: '018cc251-f400-7000-8000-00000000a001',
    id: '018cc251-f400-7abc-8def-0123456789ab',
    name: 'Primary',
    nameIsExclusive: false,
    description: null,
    provider: 'openai',
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
    revision: 1,
    createdBy: '018cc251-f400-7000-8000-00000000b002',
    createdAt: new Date('2024-01-01T00:00:00Z'),
    updatedAt: new Date('2024-01-02T00:00:00Z'),
    deletedAt: null,
    purgeAt: null,
    purgedAt: null,
    noticeAt: null,
    ...members,
  };
}
