import { expect } from 'chai';
import { renderProblem } from '../../../src/dialects/fishnet/errors.ts';
import type { Fault, Problem } from '../../../src/gateway/contract/dialect.ts';
import { invalidArgument, notFound, VaultError, vaultErrorCodes } from '../../../src/vault/errors.ts';

const fault = (path: string, rule: Fault['rule']): Fault => ({ source: 'body', path: [path], rule, input: undefined });
const refused = (...[code, message]: ConstructorParameters<typeof VaultError>): Problem => ({
  kind: 'vault',
  error: new VaultError(code, message),
});

describe("fishnet's errors", () => {
  const rendered: readonly [string, Problem, number, string][] = [
    [
      'a member that is missing',
      { kind: 'invalid_request', faults: [fault('name', 'missing')] },
      400,
      'service, name, and key are required',
    ],
    [
      'a member that is null',
      { kind: 'invalid_request', faults: [{ ...fault('name', 'not_string'), input: null }] },
      400,
      'service, name, and key are required',
    ],
    [
      'a member that is empty',
      { kind: 'invalid_request', faults: [{ ...fault('name', 'too_short'), input: '' }] },
      400,
      'service, name, and key are required',
    ],
    ['a body that is missing', { kind: 'body_missing' }, 400, 'service, name, and key are required'],
    [
      'a member of a wrong type',
      { kind: 'invalid_request', faults: [fault('password', 'not_string')] },
      400,
      'password must be a string',
    ],
    [
      'a body that is no object',
      { kind: 'body_not_object', contentType: undefined },
      400,
      'request body must be a JSON object',
    ],
    [
      'what is not JSON',
      { kind: 'malformed_json', offset: 3, reason: 'Expecting value' },
      400,
      'request body is not JSON from character 3 on',
    ],
    ['a body that is too large', { kind: 'body_too_large', bytesMax: 9 }, 413, 'request body must be at most 9 bytes'],
    ['no token', refused('token_missing', 'a token is needed'), 401, 'missing or invalid authorization header'],
    ['a bad token', refused('token_invalid', 'Invalid token'), 401, 'invalid or expired session token'],
    ['an old token', refused('token_expired', 'Token expired'), 401, 'invalid or expired session token'],
    ['a wrong password', refused('password_wrong', 'wrong'), 401, 'invalid password'],
    ['a second setup', refused('already_set_up', 'done'), 409, 'password already configured'],
    [
      'passwords that differ',
      { kind: 'vault', error: invalidArgument('confirm', 'does not match the password') },
      400,
      'passwords do not match',
    ],
    [
      'a short password',
      { kind: 'vault', error: invalidArgument('password', 'must be at least 8 characters') },
      400,
      'password must be at least 8 characters',
    ],
    ['an absent credential', { kind: 'vault', error: notFound('credential', 'some-id') }, 404, 'credential not found'],
    ['an unknown path', { kind: 'route_not_found' }, 404, 'not found'],
    ['a fault of the server', { kind: 'internal' }, 500, 'internal error'],
  ];
  for (const [title, problem, status, error] of rendered) {
    it(`answer ${status} to ${title}`, () => {
      expect(renderProblem(problem)).to.deep.equal({ status, body: { error } });
    });
  }

  it('state, in whole seconds, when to log in again', () => {
    const error = new VaultError('login_throttled', 'wait', { retryAfterMs: 41_001 });
    expect(renderProblem({ kind: 'vault', error })).to.deep.equal({
      status: 429,
      headers: { 'retry-after': '42' },
      body: { error: 'too many failed login attempts', retry_after_seconds: 42 },
    });
  });

  it('name the methods that are allowed', () => {
    const { status, headers } = renderProblem({ kind: 'method_not_allowed', allow: ['POST'] });
    expect(status).to.equal(405);
    expect(headers).to.deep.equal({ allow: 'POST' });
  });

  it('have a status of failure for each refusal of the vault', () => {
    for (const code of vaultErrorCodes) expect(renderProblem(refused(code, 'refused')).status).to.be.within(400, 504);
  });
});
