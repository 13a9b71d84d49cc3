import type { Caller } from '../../../src/vault/caller.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import type { UsedApiKey } from '../../../src/vault/identity/identity.ts';

/** A credential of which everything is set, but for what the test says. */
export function someCredential(change: Partial<Credential> = {}): Credential {
  return {
    workspaceId: '018cc251-f400-7000-8000-00000000000a',
    id: '018cc251-f400-7000-8f00-112233445566',
    name: 'OpenAI',
    nameIsExclusive: false,
    description: 'for the bots',
    provider: 'openai',
    authType: 'api_key',
    category: 'llm',
    scope: 'workspace',
    tags: ['prod', 'eu'],
    labels: { env: 'prod' },
    metadata: { owner: { team: ['a', null, 1.5, true] } },
    isActive: true,
    expiresAt: new Date('2025-06-01T12:00:00.500Z'),
    lastUsedAt: new Date('2024-01-02T00:00:00.000Z'),
    useCount: 7,
    currentVersion: 2,
    oldestVersion: null,
    revision: 3,
    origin: 'flowise',
    createdBy: '018cc251-f400-7000-8000-000000000001',
    createdAt: new Date('2024-01-01T00:00:00.000Z'),
    updatedAt: new Date('2024-01-01T00:00:01.000Z'),
    deletedAt: null,
    subject: 'customer-17',
    purgeAt: null,
    purgedAt: null,
    noticeAt: null,
    ...change,
  };
}

/** A key of which everything is set, but for what the test says. */
export function someApiKey(change: Partial<UsedApiKey> = {}): UsedApiKey {
  return {
    id: '018cc251-f400-7000-8000-000000000002',
    workspaceId: '018cc251-f400-7000-8000-00000000000a',
    userId: '018cc251-f400-7000-8000-000000000001',
    name: 'billing',
    hash: new Uint8Array(32),
    prefix: 'cof_abcd',
    role: 'EDITOR',
    mayReveal: false,
    dialect: 'flowise',
    providers: ['openai'],
    tags: ['prod'],
    credentialIds: ['018cc251-f400-7000-8000-00000000000c'],
    subjects: ['customer-17'],
    expiresAt: new Date('2025-01-01T00:00:00.000Z'),
    revokedAt: new Date('2024-06-01T00:00:00.000Z'),
    lastUsedAt: new Date('2024-05-01T00:00:00.000Z'),
    createdAt: new Date('2024-01-01T00:00:00.000Z'),
    ...change,
  };
}

/** An admin, but for what the test says. */
export function someCaller(change: Partial<Caller> = {}): Caller {
  return {
    kind: 'api_key',
    id: '018cc251-f400-7000-8000-000000000002',
    name: 'admin',
    userId: '018cc251-f400-7000-8abc-000000000001',
    authentication: 'api_key',
    sessionId: null,
    expiresAt: null,
    isOwner: true,
    defaultWorkspaceId: '018cc251-f400-7000-8000-00000000000a',
    grants: [{ workspaceId: '018cc251-f400-7000-8000-00000000000a', role: 'ADMIN', mayReveal: true }],
    dialect: null,
    ...change,
  };
}
