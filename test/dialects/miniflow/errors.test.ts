import { expect } from 'chai';
import { checkWorkspaceSpelling, renderProblem } from '../../../src/dialects/miniflow/errors.ts';
import { invalidInput } from '../../../src/dialects/miniflow/mapping.ts';
import type { Problem, RestExchange } from '../../../src/gateway/contract/dialect.ts';
import { invalidArgument, notFound, VaultError, vaultErrorCodes } from '../../../src/vault/errors.ts';

const exchange: RestExchange = {
  method: undefined,
  requestId: 'trace-1',
  now: new Date('2024-01-01T00:00:00Z'),
  pathVariables: {},
  caller: undefined,
};

const ofVault = (error: VaultError): Problem => ({ kind: 'vault', error });

describe("miniflow's errors", () => {
  const cases: { readonly problem: Problem; readonly code: number; readonly word: string; readonly message: string }[] =
    [
      {
        problem: ofVault(new VaultError('token_missing', 'no token')),
        code: 401,
        word: 'HTTP_401',
        message: 'Not authenticated',
      },
      {
        problem: ofVault(new VaultError('token_expired', 'expired')),
        code: 401,
        word: 'HTTP_401',
        message: 'Token expired',
      },
      {
        problem: ofVault(new VaultError('workspace_denied', 'denied')),
        code: 403,
        word: 'HTTP_403',
        message: 'Workspace access denied',
      },
      {
        problem: ofVault(new VaultError('permission_denied', 'permission secrets.reveal is needed')),
        code: 403,
        word: 'HTTP_403',
        message: 'permission secrets.reveal is needed',
      },
      {
        problem: ofVault(notFound('credential', 'CRD-1')),
        code: 404,
        word: 'RESOURCE_NOT_FOUND',
        message:
          "The requested Credential with ID 'CRD-1' could not be found. Please verify the identifier and try again.",
      },
      {
        problem: ofVault(new VaultError('name_taken', "Credential with name 'A' already exists in workspace WSP-1")),
        code: 400,
        word: 'RESOURCE_ALREADY_EXISTS',
        message: "Credential with name 'A' already exists in workspace WSP-1",
      },
      {
        problem: ofVault(invalidInput('api_key', 'API key cannot be empty')),
        code: 400,
        word: 'INVALID_INPUT',
        message: 'API key cannot be empty',
      },
      {
        problem: ofVault(invalidArgument('expires_at', 'must be an ISO 8601 time')),
        code: 422,
        word: 'VALIDATION_ERROR',
        message: 'Request validation failed',
      },
      {
        problem: ofVault(new VaultError('credential_inactive', 'not active')),
        code: 403,
        word: 'HTTP_403',
        message: 'Credential is not active',
      },
      {
        problem: ofVault(new VaultError('credential_expired', 'expired')),
        code: 403,
        word: 'HTTP_403',
        message: 'Credential has expired',
      },
      {
        problem: ofVault(new VaultError('resource_exhausted', 'too many')),
        code: 429,
        word: 'HTTP_429',
        message: 'User rate limit exceeded',
      },
      {
        problem: ofVault(new VaultError('secret_unreadable', 'key 3f9a is not the key')),
        code: 500,
        word: 'HTTP_500',
        message: 'Internal server error',
      },
      {
        problem: { kind: 'invalid_request', faults: [] },
        code: 422,
        word: 'VALIDATION_ERROR',
        message: 'Request validation failed',
      },
      {
        problem: { kind: 'malformed_json', offset: 3, reason: 'r' },
        code: 422,
        word: 'VALIDATION_ERROR',
        message: 'Request validation failed',
      },
      {
        problem: { kind: 'body_missing' },
        code: 422,
        word: 'VALIDATION_ERROR',
        message: 'Request validation failed',
      },
      {
        problem: { kind: 'body_not_object', contentType: undefined },
        code: 422,
        word: 'VALIDATION_ERROR',
        message: 'Request validation failed',
      },
      {
        problem: { kind: 'body_too_large', bytesMax: 9 },
        code: 413,
        word: 'HTTP_413',
        message: 'Request body must be at most 9 bytes',
      },
      { problem: { kind: 'route_not_found' }, code: 404, word: 'HTTP_404', message: 'Not Found' },
      {
        problem: { kind: 'method_not_allowed', allow: ['GET'] },
        code: 405,
        word: 'HTTP_405',
        message: 'Method Not Allowed',
      },
      { problem: { kind: 'internal' }, code: 500, word: 'HTTP_500', message: 'Internal server error' },
    ];

  for (const { problem, code, word, message } of cases) {
    const name = problem.kind === 'vault' ? problem.error.code : problem.kind;
    it(`wraps ${name} as ${code} ${word}: ${message}`, () => {
      const answer = renderProblem(problem, exchange);
      expect(answer.status).to.equal(code);
      expect(answer.body).to.deep.equal({
        status: 'error',
        code,
        message: null,
        traceId: 'trace-1',
        timestamp: '2024-01-01T00:00:00Z',
        error_message: message,
        error_code: word,
      });
    });
  }

  it('renders every code of the vault with the status of an error', () => {
    for (const code of vaultErrorCodes) {
      const { status } = renderProblem(ofVault(new VaultError(code, 'message')), exchange);
      expect(status, code).to.be.within(400, 599);
    }
  });

  it('names the right methods where one is wrong, and when to come again', () => {
    const wrong = renderProblem({ kind: 'method_not_allowed', allow: ['GET', 'PUT'] }, exchange);
    expect(wrong.headers).to.deep.equal({ allow: 'GET, PUT' });
    const throttled = new VaultError('resource_exhausted', 'too many', { retryAfterMs: 500 });
    expect(renderProblem(ofVault(throttled), exchange).headers).to.deep.equal({ 'retry-after': '1' });
  });

  it("lets MiniFlow's spelling of a workspace pass", () => {
    expect(() => checkWorkspaceSpelling('WSP-1234567890ABCDEF')).to.not.throw();
  });

  for (const text of ['WSP-1234567890abcdef', 'WSP-123', 'default', '018cc251-f400-7000-8000-00000000a001', '']) {
    it(`refuses to read ${JSON.stringify(text)} as a workspace`, () => {
      let refusal: unknown;
      try {
        checkWorkspaceSpelling(text);
      } catch (error) {
        refusal = error;
      }
      if (!(refusal instanceof VaultError)) throw new TypeError('was not refused');
      expect(renderProblem(ofVault(refusal), exchange).body).to.include({
        code: 400,
        error_code: 'HTTP_400',
        error_message: `Invalid workspace ID format. Expected: WSP-[16 hex chars], got: ${text}`,
      });
    });
  }
});
