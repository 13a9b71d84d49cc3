import { fromBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { codeFromString, codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { expect } from 'chai';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { renderProblem } from '../../../src/dialects/coffer/errors.ts';
import type { Problem } from '../../../src/gateway/contract/dialect.ts';
import { notFound, VaultError, vaultErrorCodes, type VaultErrorCode } from '../../../src/vault/errors.ts';

const render = (problem: Problem) => {
  const { status, headers, body } = renderProblem(problem);
  return { status, headers, body: JSON.parse(JSON.stringify(body)) };
};
const renderCode = (code: VaultErrorCode) => render({ kind: 'vault', error: new VaultError(code, 'a reason') });

describe("the native API's errors", () => {
  for (const code of vaultErrorCodes) {
    it(`answer ${code} with a code of Connect and the HTTP status that Connect gives it`, () => {
      const { status, body } = renderCode(code);
      const connectCode = codeFromString(body.code);
      expect(connectCode).not.to.equal(undefined);
      expect(status).to.equal(codeToHttpStatus(connectCode ?? Code.Unknown));
    });
  }

  const decided: Partial<Record<VaultErrorCode, string>> = {
    token_missing: 'unauthenticated',
    token_expired: 'unauthenticated',
    permission_denied: 'permission_denied',
    credential_inactive: 'failed_precondition',
    credential_expired: 'failed_precondition',
    etag_stale: 'aborted',
    invalid_argument: 'invalid_argument',
  };
  for (const [code, expected] of Object.entries(decided)) {
    it(`answer ${code} as ${expected}`, () => {
      const error = new VaultError(vaultErrorCodes.find((known) => known === code) ?? 'canceled', 'a reason');
      expect(render({ kind: 'vault', error }).body).to.include({ code: expected, message: 'a reason' });
    });
  }

  it('answer a workspace of which the caller may not know exactly as one that is absent', () => {
    const denied = new VaultError('workspace_denied', 'Workspace access denied', {
      resource: 'workspace',
      workspace: 'W',
    });
    expect(render({ kind: 'vault', error: denied })).to.deep.equal(
      render({ kind: 'vault', error: notFound('workspace', 'W') }),
    );
    expect(render({ kind: 'vault', error: denied })).to.include({ status: 404 });
  });

  it('name in a detail what is absent, so that programs can read it', () => {
    const { body } = render({ kind: 'vault', error: notFound('credential', 'CRD-8F00112233445566') });
    const [detail] = body.details;
    expect(detail.type).to.equal('google.rpc.ErrorInfo');
    expect(fromBinary(ErrorInfoSchema, Buffer.from(detail.value, 'base64'))).to.deep.include({
      reason: 'NOT_FOUND',
      domain: 'coffer',
      metadata: { resource: 'credential', id: 'CRD-8F00112233445566' },
    });
    expect(detail.debug).to.include({ reason: 'NOT_FOUND', domain: 'coffer' });
  });

  it('contain the current etag where a stale one was given', () => {
    const { status, body } = render({ kind: 'vault', error: new VaultError('etag_stale', 'it is 7', { etag: '7' }) });
    expect(status).to.equal(409);
    expect(body.details[0].debug.metadata).to.deep.equal({ etag: '7' });
  });

  it('name each member at fault and its rule, and no value', () => {
    const faults = [
      { source: 'body', path: ['credential', 'name'], rule: 'too_long', expected: 255, input: 'hunter2' },
      { source: 'body', path: ['secret'], rule: 'missing', input: undefined },
    ] as const;
    const { status, body } = render({ kind: 'invalid_request', faults });
    expect(status).to.equal(400);
    expect(body).to.include({
      code: 'invalid_argument',
      message: 'credential.name must be at most 255 characters; secret is required',
    });
    expect(body.details[0].debug.metadata).to.deep.equal({ 'credential.name': 'too_long', secret: 'missing' });
    expect(JSON.stringify(body)).not.to.contain('hunter2');
  });

  const tooMuch: Record<string, Extract<Problem, { kind: 'invalid_request' }>> = {
    'there are more faults': { kind: 'invalid_request', faults: longFaults(2, 'n'), hasMore: true },
    'their list takes more than 16 KiB': { kind: 'invalid_request', faults: longFaults(60, 'n'.repeat(256)) },
  };
  for (const [title, problem] of Object.entries(tooMuch)) {
    it(`name the first fault where ${title}, and state that there are more`, () => {
      const { body } = render(problem);
      expect(body.message).to.match(/^n+\.0 is not known; and more$/);
      expect(Object.values(body.details[0].debug.metadata)).to.deep.equal(['unknown_member']);
    });
  }

  const statuses: { readonly problem: Problem; readonly status: number }[] = [
    { problem: { kind: 'malformed_json', offset: 3, reason: 'hunter2' }, status: 400 },
    { problem: { kind: 'body_missing' }, status: 400 },
    { problem: { kind: 'body_not_object', contentType: undefined }, status: 400 },
    { problem: { kind: 'body_too_large', bytesMax: 1_048_576 }, status: 413 },
    { problem: { kind: 'route_not_found' }, status: 404 },
    { problem: { kind: 'method_not_allowed', allow: ['GET'] }, status: 405 },
    { problem: { kind: 'internal' }, status: 500 },
  ];
  for (const { problem, status } of statuses) {
    it(`answer ${problem.kind} with ${status}`, () => {
      const answer = render(problem);
      expect(answer.status).to.equal(status);
      expect(codeFromString(answer.body.code)).not.to.equal(undefined);
      expect(JSON.stringify(answer)).not.to.contain('hunter2');
    });
  }

  it('name the methods that a path has', () => {
    expect(render({ kind: 'method_not_allowed', allow: ['GET', 'POST'] }).headers).to.include({ allow: 'GET, POST' });
  });

  it('ask for a bearer token where none or a bad one was sent', () => {
    expect(renderCode('token_invalid').headers).to.include({ 'www-authenticate': 'Bearer' });
    expect(renderCode('permission_denied').headers).not.to.have.property('www-authenticate');
  });

  it('state when to try again, in whole seconds', () => {
    const error = new VaultError('resource_exhausted', 'busy', { retryAfterMs: 1_200 });
    expect(render({ kind: 'vault', error }).headers).to.include({ 'retry-after': '2' });
  });
});

function longFaults(count: number, name: string) {
  return Array.from({ length: count }, (_, index) => ({
    source: 'body' as const,
    path: [name, index],
    rule: 'unknown_member' as const,
    input: undefined,
  }));
}
