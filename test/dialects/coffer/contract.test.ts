import { getOption, hasOption, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { AccessService } from '../../../gen/coffer/v1/access_service_pb.ts';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { http } from '../../../gen/google/api/annotations_pb.ts';

const services: readonly DescService[] = [CredentialService, SecretService, WorkspaceService, AccessService];
const methods = services.flatMap((service) => service.methods);

/** The paths of the fields below a message that hold secrets. */
function secretsBelow(message: DescMessage, path = '', seen: readonly DescMessage[] = []): string[] {
  if (seen.includes(message)) return [];
  return message.fields.flatMap((field) => {
    const here = `${path}.${field.name}`;
    if (field.proto.options?.debugRedact === true) return [here];
    return field.message ? secretsBelow(field.message, here, [...seen, message]) : [];
  });
}

describe('the proto files of coffer.v1', () => {
  it('answer a secret by reveals, a token by CreateApiKey and Login, and by nothing else', () => {
    const answered = methods.flatMap(({ name, output }) => secretsBelow(output, name));
    expect(answered).to.deep.equal([
      'RevealSecret.secret',
      'ResolveSecret.secret',
      'ResolveSecret.value',
      'BatchRevealSecrets.results.secret',
      'BatchRevealSecrets.results.value',
      'CreateApiKey.token',
      'Login.token',
    ]);
  });

  it('take a secret by creates, passwords by what is about them, and by nothing else', () => {
    const taken = methods.flatMap(({ name, input }) => secretsBelow(input, name));
    expect(taken).to.deep.equal([
      'CreateCredential.secret',
      'BatchCreateCredentials.requests.secret',
      'ReportLeak.value',
      'AddSecretVersion.secret',
      'Login.password',
      'ChangePassword.current_password',
      'ChangePassword.new_password',
      'CreateUser.password',
    ]);
  });

  for (const method of methods) {
    it(`have a route for ${method.name}, by GET exactly where it only reads`, () => {
      expect(hasOption(method, http)).to.equal(true);
      const { pattern } = getOption(method, http);
      expect(pattern.value).to.match(/^\/v1\//);
      // No rpc of SecretService is without side effects, so that none is served by Connect's GET.
      const onlyReads = method.idempotency === Level.NO_SIDE_EFFECTS || method.name === 'ListSecretVersions';
      expect(pattern.case === 'get').to.equal(onlyReads);
    });
  }

  it('never let a secret be revealed as something without side effects', () => {
    for (const { idempotency } of SecretService.methods) expect(idempotency).to.equal(Level.IDEMPOTENCY_UNKNOWN);
  });
});
