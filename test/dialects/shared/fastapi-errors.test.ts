import { expect } from 'chai';
import { fastApiErrors } from '../../../src/dialects/shared/fastapi-errors.ts';
import type { Problem } from '../../../src/gateway/contract/dialect.ts';
import { invalidArgument, notFound, VaultError, vaultErrorCodes } from '../../../src/vault/errors.ts';

const render = fastApiErrors({
  challenge: 'Bearer',
  notFound: 'Credential not found',
  members: { name: 'label', secret: 'credentials' },
  parameters: { after: 'starting_after' },
});

const ofVault = (error: VaultError) => render({ kind: 'vault', error });

describe('a problem as a FastAPI application renders it', () => {
  it('answers 422 with one entry a fault, in their order', () => {
    const answer = render({
      kind: 'invalid_request',
      faults: [
        { source: 'body', path: ['label'], rule: 'missing', input: {} },
        { source: 'body', path: ['auth_type'], rule: 'not_string', input: 1 },
      ],
    });
    expect(answer.status).to.equal(422);
    expect(answer.body).to.deep.equal({
      detail: [
        { type: 'missing', loc: ['body', 'label'], msg: 'Field required', input: {} },
        { type: 'string_type', loc: ['body', 'auth_type'], msg: 'Input should be a valid string', input: 1 },
      ],
    });
  });

  const bodies: { readonly problem: Problem; readonly status: number; readonly detail: unknown }[] = [
    {
      problem: { kind: 'malformed_json', offset: 7, reason: 'Expecting value' },
      status: 422,
      detail: [
        {
          type: 'json_invalid',
          loc: ['body', 7],
          msg: 'JSON decode error',
          input: {},
          ctx: { error: 'Expecting value' },
        },
      ],
    },
    {
      problem: { kind: 'body_missing' },
      status: 422,
      detail: [{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }],
    },
    {
      problem: { kind: 'body_not_object', contentType: 'text/plain' },
      status: 422,
      detail: [
        {
          type: 'model_attributes_type',
          loc: ['body'],
          msg: 'Input should be a valid dictionary or object to extract fields from',
          input: '[redacted]',
        },
      ],
    },
    {
      problem: { kind: 'body_too_large', bytesMax: 1024 },
      status: 413,
      detail: 'Request body must be at most 1024 bytes',
    },
    { problem: { kind: 'route_not_found' }, status: 404, detail: 'Not Found' },
    { problem: { kind: 'method_not_allowed', allow: ['GET', 'POST'] }, status: 405, detail: 'Method Not Allowed' },
    { problem: { kind: 'internal' }, status: 500, detail: 'Internal Server Error' },
  ];

  for (const { problem, status, detail } of bodies) {
    it(`answers ${problem.kind} with ${status}`, () => {
      const answer = render(problem);
      expect(answer.status).to.equal(status);
      expect(answer.body).to.deep.equal({ detail });
    });
  }

  it('lists the allowed methods with a wrong one', () => {
    const { headers } = render({ kind: 'method_not_allowed', allow: ['GET', 'POST'] });
    expect(headers).to.deep.equal({ allow: 'GET, POST' });
  });

  for (const code of ['token_missing', 'token_invalid', 'token_expired'] as const) {
    it(`answers ${code} with 401, a challenge, and the same words`, () => {
      const answer = ofVault(new VaultError(code, 'whatever the core says'));
      expect(answer).to.deep.equal({
        status: 401,
        headers: { 'www-authenticate': 'Bearer' },
        body: { detail: 'Not authenticated' },
      });
    });
  }

  it('speaks of an absent credential in the words of the dialect', () => {
    const answer = ofVault(notFound('credential', 'x'));
    expect(answer.status).to.equal(404);
    expect(answer.body).to.deep.equal({ detail: 'Credential not found' });
  });

  it('names what else is absent', () => {
    expect(ofVault(notFound('workspace', 'x')).body).to.deep.equal({ detail: 'workspace not found' });
  });

  it('refuses a foreign workspace with 403', () => {
    const answer = ofVault(new VaultError('workspace_denied', 'Workspace access denied'));
    expect(answer.status).to.equal(403);
    expect(answer.body).to.deep.equal({ detail: 'Workspace access denied' });
  });

  it('names the member that breaks a limit of the vault as on the wire', () => {
    const answer = ofVault(invalidArgument('name', 'must not contain U+0000'));
    expect(answer.status).to.equal(422);
    expect(answer.body).to.deep.equal({
      detail: [{ type: 'value_error', loc: ['body', 'label'], msg: 'Value error, must not contain U+0000' }],
    });
  });

  it('keeps the name of a member that is the same on the wire', () => {
    const answer = ofVault(invalidArgument('description', 'must be short'));
    expect(answer.body).to.have.nested.property('detail[0].loc').that.deep.equals(['body', 'description']);
  });

  it('names the faulty parameter of the query as on the wire', () => {
    const answer = ofVault(invalidArgument('after', 'must name a credential'));
    expect(answer.body).to.deep.equal({
      detail: [{ type: 'value_error', loc: ['query', 'starting_after'], msg: 'Value error, must name a credential' }],
    });
  });

  it('states when to try again', () => {
    const answer = ofVault(new VaultError('resource_exhausted', 'too many calls', { retryAfterMs: 1_200 }));
    expect(answer.status).to.equal(429);
    expect(answer.headers).to.deep.equal({ 'retry-after': '2' });
  });

  it('shows no cause of a secret that does not open', () => {
    const answer = ofVault(new VaultError('secret_unreadable', 'key 3f9a is not the key'));
    expect(answer.status).to.equal(500);
    expect(answer.body).to.deep.equal({ detail: 'Internal Server Error' });
  });

  it('answers every code with a status of an error and a detail', () => {
    for (const code of vaultErrorCodes) {
      const { status, body } = ofVault(new VaultError(code, 'field is wrong', { field: 'field' }));
      expect(status, code).to.be.within(400, 599);
      expect(body, code).to.have.all.keys('detail');
    }
  });
});
