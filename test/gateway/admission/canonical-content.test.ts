import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect } from 'chai';
import {
  CreateCredentialRequestSchema,
  UpdateCredentialRequestSchema,
} from '../../../gen/coffer/v1/credential_service_pb.ts';
import { DeleteWorkspaceRequestSchema } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { canonicalContent } from '../../../src/gateway/admission/canonical-content.ts';

const id = '018f3c5e-7b2a-7c3d-8f00-11223344aabb';
const caller = { defaultWorkspaceId: id };
const inWorkspace = { caller, isInWorkspace: true };

const ofCreate = (message: JsonObject) =>
  canonicalContent(CreateCredentialRequestSchema, fromJson(CreateCredentialRequestSchema, message), inWorkspace);
const ofUpdate = (message: JsonObject) =>
  canonicalContent(UpdateCredentialRequestSchema, fromJson(UpdateCredentialRequestSchema, message), inWorkspace);
const ofDeletion = (workspaceId: string) =>
  canonicalContent(DeleteWorkspaceRequestSchema, create(DeleteWorkspaceRequestSchema, { workspaceId }), {
    caller,
    isInWorkspace: false,
  });

describe('the content by which requests are compared', () => {
  it('is the same whatever the order of members, at any depth', () => {
    const one = ofCreate({
      credential: { name: 'n', labels: { a: '1', b: '2' } },
      secret: { x: { y: 1, z: [1, 2] }, w: 1 },
    });
    const other = ofCreate({
      secret: { w: 1, x: { z: [1, 2], y: 1 } },
      credential: { labels: { b: '2', a: '1' }, name: 'n' },
    });
    expect(one).to.equal(other);
  });

  it('has neither the request id nor the workspace of the call', () => {
    const bare = ofUpdate({ credential_id: id });
    expect(ofUpdate({ credential_id: id, request_id: id, workspace_id: 'default' })).to.equal(bare);
    expect(ofUpdate({ credential_id: id, workspace_id: 'WSP-8F0011223344AABB' })).to.equal(bare);
  });

  it('is the same for each form of an id', () => {
    expect(ofUpdate({ credential_id: id.toUpperCase() })).to.equal(ofUpdate({ credential_id: id }));
    expect(ofUpdate({ credential_id: 'CRD-8F0011223344AABB' })).to.equal(ofUpdate({ credential_id: id }));
    expect(ofDeletion('default')).to.equal(ofDeletion(id));
    expect(ofDeletion('WSP-8F0011223344AABB')).to.equal(ofDeletion(id));
    expect(ofDeletion('another')).not.to.equal(ofDeletion(id));
  });

  it('differs for every difference in a value', () => {
    const credential = { name: 'n' };
    const contents = [
      { credential, secret: { a: 1 } },
      { credential, secret: { a: '1' } },
      { credential, secret: { a: -1 } },
      { credential, secret: { a: [1] } },
      { credential, secret: { a: null } },
      { credential, secret: { a: {} } },
      { credential, secret: { a: [] } },
      { credential, secret: { b: 1 } },
      { credential, secret: {} },
      { credential },
      { credential: { name: 'n', description: '' } },
      { credential: { name: 'n', description: 'd' } },
      { credential: { name: 'n', tags: ['a', 'b'] } },
      { credential: { name: 'n', tags: ['b', 'a'] } },
      { credential: { name: 'n', tags: ['a,b'] } },
      { credential: { name: 'n', labels: { a: 'b' } } },
      { credential: { name: 'n', expires_at: '2030-01-01T00:00:00Z' } },
      { credential: { name: 'n', expires_at: '2030-01-01T00:00:00.001Z' } },
    ].map(ofCreate);
    expect(new Set(contents).size).to.equal(contents.length);
  });

  it('has the etag', () => {
    expect(ofUpdate({ etag: '1' })).not.to.equal(ofUpdate({ etag: '2' }));
  });
});
