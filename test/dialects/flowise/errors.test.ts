import { expect } from 'chai';
import { CredentialService } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { renderProblem } from '../../../src/dialects/flowise/errors.ts';
import type { Fault, Problem, RestExchange } from '../../../src/gateway/contract/dialect.ts';
import { invalidArgument, notFound, VaultError, vaultErrorCodes } from '../../../src/vault/errors.ts';

const exchange: RestExchange = {
  method: CredentialService.method.createCredential,
  requestId: 'r',
  now: new Date('2024-01-01T00:00:00Z'),
  pathVariables: {},
  caller: undefined,
};
const fault = (path: string, rule: Fault['rule']): Fault => ({ source: 'body', path: [path], rule, input: undefined });
const inController = (statusCode: number, sentence: string) => ({
  status: statusCode,
  body: {
    statusCode,
    success: false,
    message: `Error: credentialsController.createCredential - ${sentence}`,
    stack: {},
  },
});

describe("flowise's errors", () => {
  const rendered: readonly [string, Problem, object][] = [
    [
      '412 for a member that is missing, before another one that is wrong',
      { kind: 'invalid_request', faults: [fault('name', 'not_string'), fault('credentialName', 'missing')] },
      inController(412, 'credentialName not provided!'),
    ],
    [
      '412 for a member that is null',
      { kind: 'invalid_request', faults: [{ ...fault('name', 'not_string'), input: null }] },
      inController(412, 'name not provided!'),
    ],
    [
      '412 for a member that is empty',
      { kind: 'invalid_request', faults: [{ ...fault('credentialName', 'too_short'), input: '' }] },
      inController(412, 'credentialName not provided!'),
    ],
    [
      '400 for members that are wrong',
      { kind: 'invalid_request', faults: [fault('name', 'not_string'), fault('credentialData', 'not_object')] },
      inController(400, 'name must be a string; credentialData must be an object'),
    ],
    [
      '412 for data that are missing',
      { kind: 'vault', error: invalidArgument('credentialData', 'not provided!') },
      inController(412, 'credentialData not provided!'),
    ],
    ['412 where there is no body', { kind: 'body_missing' }, inController(412, 'name not provided!')],
    [
      '412 where the body is no object',
      { kind: 'body_not_object', contentType: 'text/plain' },
      inController(412, 'name not provided!'),
    ],
    [
      '400 for what is not JSON',
      { kind: 'malformed_json', offset: 7, reason: 'Expecting value' },
      inController(400, 'the body is not JSON from character 7 on'),
    ],
    [
      '413 for a body that is too large',
      { kind: 'body_too_large', bytesMax: 1_024 },
      inController(413, 'the body must be at most 1024 bytes'),
    ],
    [
      '413 for a secret that is too large',
      { kind: 'vault', error: new VaultError('invalid_argument', 'too much', { field: 'secret', bytesMax: 10 }) },
      inController(413, 'too much'),
    ],
    [
      '401 in the words of the middleware',
      { kind: 'vault', error: new VaultError('token_invalid', 'Invalid token') },
      { status: 401, body: { error: 'Unauthorized Access' } },
    ],
    [
      '403 in the words of the middleware',
      { kind: 'vault', error: new VaultError('permission_denied', 'permission credentials.write is needed') },
      { status: 403, body: { message: 'Forbidden' } },
    ],
    [
      '404 with the id',
      { kind: 'vault', error: notFound('credential', 'some-id') },
      inController(404, 'Credential some-id not found'),
    ],
    ['500 without a cause', { kind: 'internal' }, inController(500, 'internal error')],
  ];
  for (const [title, problem, answer] of rendered) {
    it(`are ${title}`, () => {
      expect(renderProblem(problem, exchange)).to.deep.equal(answer);
    });
  }

  it('name the methods that are allowed', () => {
    const { status, headers } = renderProblem({ kind: 'method_not_allowed', allow: ['GET', 'POST'] }, exchange);
    expect(status).to.equal(405);
    expect(headers).to.deep.equal({ allow: 'GET, POST' });
  });

  it('have one shape where no route was found', () => {
    expect(renderProblem({ kind: 'route_not_found' }, { ...exchange, method: undefined })).to.deep.equal({
      status: 404,
      body: { statusCode: 404, success: false, message: 'Not Found', stack: {} },
    });
  });

  it('have a status of failure for each refusal of the vault', () => {
    for (const code of vaultErrorCodes) {
      const { status } = renderProblem({ kind: 'vault', error: new VaultError(code, 'refused') }, exchange);
      expect(status, code).to.be.within(400, 504);
    }
  });
});
