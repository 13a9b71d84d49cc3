import { expect } from 'chai';
import { apiKeyGrants, userGrants, versionGrants, workspaceGrants } from '../../../src/store/identity/grant-tables.ts';
import { formerApiKeyGrants, formerUserGrants } from '../../../src/store/upgrade/former-formats.ts';
import type { ApiKey, User } from '../../../src/vault/identity/identity.ts';
import { createdAt, newApiKey, newId, newUser, newVersion, newWorkspace } from '../fixtures.ts';

const time = createdAt.toISOString();

describe('what a MAC is computed over', () => {
  const user = { ...newUser(newId(), { passwordHash: 'h', isOwner: true }), logsInUnnamed: true };
  const apiKey = newApiKey(user, { expiresAt: createdAt });
  const usersFields = [user.id, 'true', user.defaultWorkspaceId, 'h'];
  const keysFields = [apiKey.id, apiKey.workspaceId, user.id, apiKey.hash, 'EDITOR', 'true', null, time, null];

  it('was, for the rows of earlier releases, without names, and with optional fields at the end', () => {
    expect([formerUserGrants.label, formerApiKeyGrants.label]).to.deep.equal(['user', 'api_key']);
    expect(formerUserGrants.fields(user)).to.deep.equal(usersFields);
    expect(formerUserGrants.fields({ ...user, deactivatedAt: createdAt })).to.deep.equal([...usersFields, time]);
    expect(formerApiKeyGrants.fields(apiKey)).to.deep.equal(keysFields);
    const limited = formerApiKeyGrants.fields({ ...apiKey, tags: ['a'] });
    expect(limited).to.deep.equal([...keysFields, '[[],["a"],[]]']);
    const ofSubjects = formerApiKeyGrants.fields({ ...apiKey, tags: ['a'], subjects: ['s'] });
    expect(ofSubjects, 'subjects that were added to such a row').not.to.deep.equal(limited);
  });

  it('is a fixed list of a user, with the name', () => {
    const fields = [user.id, 'user', 'true', user.defaultWorkspaceId, 'h', 'true', null, time];
    expect([userGrants.label, ...userGrants.fields(user)]).to.deep.equal(['user/2', ...fields]);
    expect(userGrants.fields({ ...user, deactivatedAt: createdAt })).to.deep.equal(fields.with(6, time));
  });

  it('is a fixed list of an API key, with the name and what it is limited to', () => {
    const { hash, id, workspaceId } = apiKey;
    const place = [id, workspaceId, user.id, 'key', hash, 'cof_abcd', 'EDITOR', 'true', null];
    const fields = [...place, '[]', '[]', '[]', time, null, time];
    expect([apiKeyGrants.label, ...apiKeyGrants.fields(apiKey)]).to.deep.equal(['api_key/2', ...fields]);
    const limited = apiKeyGrants.fields({ ...apiKey, providers: ['a","b'], credentialIds: ['c'] });
    expect(limited).to.deep.equal(fields.with(9, '["a\\",\\"b"]').with(11, '["c"]'));
  });

  it('has the subjects of an API key by name, and only where there are any', () => {
    const fields = apiKeyGrants.fields({ ...apiKey, subjects: ['a', 'b'] });
    expect(fields).to.deep.equal([...apiKeyGrants.fields(apiKey), '{"subjects":["a","b"]}']);
  });

  it('is a fixed list of a workspace and of a version', () => {
    const workspace = newWorkspace();
    const { createdBy, id, name } = workspace;
    expect(workspaceGrants.fields(workspace)).to.deep.equal([id, name, createdBy, time, null]);
    expect(workspaceGrants.fields({ ...workspace, deletedAt: createdAt }).at(-1)).to.equal(time);
    const version = newVersion();
    const row = { ...version, workspaceId: id, credentialId: newId(), state: 'enabled' } as const;
    const expected = [id, row.credentialId, '1', 'enabled', version.keyId, version.createdBy, time];
    expect(versionGrants.fields(row)).to.deep.equal(expected);
    expect([workspaceGrants.label, versionGrants.label]).to.deep.equal(['workspace/1', 'credential_version/1']);
  });

  it('differs for names that read like a time, a list, or another field', () => {
    const lists: Record<string, Partial<ApiKey & User>> = {
      plain: {},
      name: { name: time },
      'name and list': { name: '["a"]' },
      providers: { providers: ['a'] },
      tags: { tags: ['a'] },
      ids: { credentialIds: ['a'] },
      'two providers': { providers: ['a', 'b'] },
      'one provider': { providers: ['a","b'] },
      revoked: { revokedAt: createdAt },
      'without end': { expiresAt: null },
    };
    const seen = Object.values(lists).map((changes) => JSON.stringify(apiKeyGrants.fields({ ...apiKey, ...changes })));
    expect(new Set(seen)).to.have.property('size', seen.length);
    const lengths = Object.values(lists).map((changes) => apiKeyGrants.fields({ ...apiKey, ...changes }).length);
    expect(new Set(lengths)).to.have.property('size', 1);
  });
});
