import { create, fromBinary, toBinary, toJson, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { WhoAmIResponseSchema } from '../../../gen/coffer/v1/access_service_pb.ts';
import { ApiKeySchema } from '../../../gen/coffer/v1/api_key_pb.ts';
import { comments } from '../../../gen/coffer/v1/comments.ts';
import { CredentialSchema } from '../../../gen/coffer/v1/credential_pb.ts';
import { Grant_Role } from '../../../gen/coffer/v1/grant_pb.ts';
import { WorkspaceSchema } from '../../../gen/coffer/v1/workspace_pb.ts';
import {
  apiKeyToMessage,
  callerToMessage,
  changeFromMessage,
  credentialToMessage,
  draftFromMessage,
  roleFromEnum,
  workspaceToMessage,
} from '../../../src/dialects/coffer/mapping.ts';
import { checkDraft } from '../../../src/vault/credentials/credential-rules.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { roles } from '../../../src/vault/permissions.ts';
import { someApiKey, someCaller, someCredential } from './samples.ts';

const now = new Date('2024-01-03T00:00:00.000Z');
const style = { useProtoFieldName: true, alwaysEmitImplicit: true };
const sent = (init: MessageInitShape<typeof CredentialSchema>) => create(CredentialSchema, init);
const shown = (change = {}) =>
  toJson(CredentialSchema, create(CredentialSchema, credentialToMessage(someCredential(change), now)), style);
const isOutputOnly = (name: string) => comments[`coffer.v1.Credential.${name}`]?.startsWith('Output only.') === true;

describe('credentialToMessage', () => {
  it('shows every member', () => {
    expect(shown()).to.deep.equal({
      id: '018cc251-f400-7000-8f00-112233445566',
      short_id: 'CRD-8F00112233445566',
      workspace_id: '018cc251-f400-7000-8000-00000000000a',
      name: 'OpenAI',
      description: 'for the bots',
      provider: 'openai',
      auth_type: 'api_key',
      category: 'llm',
      scope: 'workspace',
      tags: ['prod', 'eu'],
      labels: { env: 'prod' },
      metadata: { owner: { team: ['a', null, 1.5, true] } },
      state: 'ACTIVE',
      expires_at: '2025-06-01T12:00:00.500Z',
      last_used_at: '2024-01-02T00:00:00Z',
      use_count: '7',
      current_version: 2,
      etag: '3',
      origin: 'flowise',
      created_by: '018cc251-f400-7000-8000-000000000001',
      created_at: '2024-01-01T00:00:00Z',
      updated_at: '2024-01-01T00:00:01Z',
      subject: 'customer-17',
    });
    const names = CredentialSchema.fields.map(({ name }) => name);
    expect(shown({ deletedAt: now, purgeAt: now })).to.have.all.keys(names);
  });

  it('makes a message that is whole, as protobuf itself would', () => {
    const bare = { tags: [], labels: {}, metadata: null, expiresAt: null, lastUsedAt: null };
    for (const change of [{}, bare, { deletedAt: now }]) {
      const message = credentialToMessage(someCredential(change), now);
      const set = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
      expect(set).to.deep.equal(fromBinary(CredentialSchema, toBinary(CredentialSchema, message)));
    }
  });

  it('shows texts that are not set as empty, and leaves out times and metadata that are not', () => {
    const unset = { description: null, category: null, scope: null, metadata: null, expiresAt: null, lastUsedAt: null };
    const message = shown({ ...unset, subject: null });
    expect(message).to.include({ description: '', category: '', scope: '', subject: '' });
    expect(message).not.to.have.any.keys('metadata', 'expires_at', 'last_used_at', 'deleted_at');
  });

  const states = {
    INACTIVE: { isActive: false },
    EXPIRED: { expiresAt: now },
    DELETED: { deletedAt: now },
  };
  for (const [state, change] of Object.entries(states)) {
    it(`shows one that is ${state}`, () => {
      expect(shown(change)).to.include({ state });
    });
  }
});

describe('draftFromMessage', () => {
  it('reads what was sent', () => {
    const { name, description, provider, authType, category, scope, subject, tags, labels, metadata, expiresAt } =
      someCredential();
    const message = sent(credentialToMessage(someCredential(), now));
    expect(draftFromMessage(message)).to.deep.equal({
      name,
      description,
      provider,
      authType,
      category,
      scope,
      subject,
      tags,
      labels,
      metadata,
      expiresAt,
      nameIsExclusive: false,
      isActive: true,
    });
  });

  it('takes only a name, and calls provider and auth type custom', () => {
    const draft = draftFromMessage(sent({ name: 'OpenAI' }));
    expect(draft).to.include({ name: 'OpenAI', provider: 'custom', authType: 'custom', description: null });
    expect(() => checkDraft(draft)).not.to.throw();
  });

  it('ignores what is output only', () => {
    const ignored = { id: 'x', workspaceId: 'x', etag: '9', origin: 'scale', createdBy: 'x', useCount: 5n };
    expect(draftFromMessage(sent({ name: 'OpenAI', ...ignored }))).to.deep.equal(
      draftFromMessage(sent({ name: 'OpenAI' })),
    );
  });
});

describe('changeFromMessage', () => {
  it('changes what was sent where there is no mask, an empty text too', () => {
    const expiresAt = timestampFromDate(now);
    expect(changeFromMessage(sent({ name: 'New', description: '', tags: ['a'], expiresAt }), [])).to.deep.equal({
      name: 'New',
      description: null,
      tags: ['a'],
      expiresAt: now,
    });
  });

  it('changes nothing where nothing was sent', () => {
    expect(changeFromMessage(sent({}), [])).to.deep.equal({});
  });

  it('changes what the mask names and nothing else', () => {
    const message = sent({ name: 'New', description: 'new', tags: ['a'] });
    expect(changeFromMessage(message, ['name', 'tags'])).to.deep.equal({ name: 'New', tags: ['a'] });
  });

  it('clears what the mask names and was not sent', () => {
    const paths = ['description', 'category', 'scope', 'subject', 'tags', 'labels', 'metadata', 'expires_at'];
    expect(changeFromMessage(sent({}), paths)).to.deep.equal({
      description: null,
      category: null,
      scope: null,
      subject: null,
      tags: [],
      labels: {},
      metadata: null,
      expiresAt: null,
    });
  });

  it('takes * for all that can be changed', () => {
    const change = changeFromMessage(sent({ name: 'New' }), ['*']);
    const settable = CredentialSchema.fields.filter(({ name }) => !isOutputOnly(name));
    expect(change).to.have.all.keys(settable.map(({ localName }) => localName));
    expect(change).to.include({ name: 'New', description: null });
  });

  for (const path of ['id', 'state', 'etag', 'secret', 'labels.env', 'constructor', 'authType', '']) {
    it(`refuses a mask that names ${path === '' ? 'nothing' : path}`, () => {
      expect(() => changeFromMessage(sent({ name: 'New' }), ['name', path]))
        .to.throw(VaultError)
        .with.nested.property('details.field', 'update_mask');
    });
  }
});

describe('roles', () => {
  it('are read as they are shown', () => {
    for (const role of roles) expect(roleFromEnum(Grant_Role[role])).to.equal(role);
  });

  for (const role of [Grant_Role.ROLE_UNSPECIFIED, 99, -1]) {
    it(`refuse the number ${role}`, () => {
      expect(() => roleFromEnum(role)).to.throw(VaultError, 'role is required');
    });
  }
});

describe('workspaceToMessage', () => {
  it('shows every member', () => {
    const workspace = { id: '018cc251-f400-7000-8abc-00000000000a', name: 'prod', createdBy: 'u', createdAt: now };
    const message = create(WorkspaceSchema, workspaceToMessage(workspace));
    expect(toJson(WorkspaceSchema, message, style)).to.deep.equal({
      id: '018cc251-f400-7000-8abc-00000000000a',
      short_id: 'WSP-8ABC00000000000A',
      name: 'prod',
      created_by: 'u',
      created_at: '2024-01-03T00:00:00Z',
    });
  });
});

describe('apiKeyToMessage', () => {
  it('shows every member, and no hash', () => {
    const message = create(ApiKeySchema, apiKeyToMessage(someApiKey()));
    expect(toJson(ApiKeySchema, message, style)).to.deep.equal({
      id: '018cc251-f400-7000-8000-000000000002',
      workspace_id: '018cc251-f400-7000-8000-00000000000a',
      name: 'billing',
      role: 'EDITOR',
      prefix: 'cof_abcd',
      dialect: 'flowise',
      without_reveal: true,
      providers: ['openai'],
      tags: ['prod'],
      credential_ids: ['018cc251-f400-7000-8000-00000000000c'],
      subjects: ['customer-17'],
      created_by: '018cc251-f400-7000-8000-000000000001',
      created_at: '2024-01-01T00:00:00Z',
      expires_at: '2025-01-01T00:00:00Z',
      revoked_at: '2024-06-01T00:00:00Z',
      last_used_at: '2024-05-01T00:00:00Z',
    });
  });

  it('leaves out times that are not set', () => {
    const message = create(
      ApiKeySchema,
      apiKeyToMessage(someApiKey({ expiresAt: null, revokedAt: null, lastUsedAt: null, dialect: null })),
    );
    expect(toJson(ApiKeySchema, message, style)).not.to.have.any.keys('expires_at', 'revoked_at', 'last_used_at');
    expect(message.dialect).to.equal('');
  });
});

describe('callerToMessage', () => {
  it('describes the caller and their permissions', () => {
    const keyScope = { providers: ['openai'], tags: [], credentialIds: [], subjects: ['customer-17'] };
    const grant = { role: 'RUNTIME', mayReveal: false, keyScope } as const;
    const grants = [{ workspaceId: '018cc251-f400-7000-8abc-00000000000b', ...grant }];
    const message = create(WhoAmIResponseSchema, callerToMessage(someCaller({ grants })));
    expect(toJson(WhoAmIResponseSchema, message, style)).to.deep.equal({
      kind: 'api_key',
      id: '018cc251-f400-7000-8000-000000000002',
      name: 'admin',
      user_id: '018cc251-f400-7000-8abc-000000000001',
      user_short_id: 'USR-8ABC000000000001',
      is_owner: true,
      default_workspace_id: '018cc251-f400-7000-8000-00000000000a',
      default_workspace_short_id: 'WSP-800000000000000A',
      grants: [
        {
          workspace_id: '018cc251-f400-7000-8abc-00000000000b',
          short_id: 'WSP-8ABC00000000000B',
          role: 'RUNTIME',
          without_reveal: true,
          providers: ['openai'],
          tags: [],
          credential_ids: [],
          subjects: ['customer-17'],
        },
      ],
    });
  });
});
