import { expect } from 'chai';
import { apiKeyGrants, userGrants } from '../../../src/store/grants/grant-tables.ts';
import { createdAt, newApiKey, newId, newUser } from '../fixtures.ts';

describe('what a MAC is computed over', () => {
  const user = newUser(newId(), { passwordHash: 'h', isOwner: true });
  const apiKey = newApiKey(user, { expiresAt: createdAt });
  const usersFields = [user.id, 'true', user.defaultWorkspaceId, 'h'];
  const keysFields = [
    apiKey.id,
    apiKey.workspaceId,
    user.id,
    apiKey.hash,
    'EDITOR',
    'true',
    null,
    createdAt.toISOString(),
    null,
  ];

  it('is what it was for rows that were written before users were deactivated and keys limited', () => {
    expect(userGrants.fields(user)).to.deep.equal(usersFields);
    expect(apiKeyGrants.fields(apiKey)).to.deep.equal(keysFields);
  });

  it('holds when a user was deactivated', () => {
    const deactivated = userGrants.fields({ ...user, deactivatedAt: createdAt });
    expect(deactivated).to.deep.equal([...usersFields, createdAt.toISOString()]);
  });

  it('holds what a key is limited to, and tells the lists and their texts apart', () => {
    const seen = new Set<unknown>();
    const narrowings = [
      { providers: ['a'] },
      { tags: ['a'] },
      { credentialIds: ['a'] },
      { providers: ['a', 'b'] },
      { providers: ['a","b'] },
      { providers: ['a'], tags: ['b'] },
    ];
    for (const narrowing of narrowings) {
      const fields = apiKeyGrants.fields({ ...apiKey, ...narrowing });
      expect(fields.slice(0, -1)).to.deep.equal(keysFields);
      seen.add(fields.at(-1));
    }
    expect(seen).to.have.property('size', narrowings.length);
  });
});
