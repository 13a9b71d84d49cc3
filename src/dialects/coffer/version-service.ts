import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  FieldComparison_Change,
  SecretService,
  type DestroySecretVersionRequest,
  type RestoreSecretVersionRequest,
} from '../../../gen/coffer/v1/secret_service_pb.ts';
import { SecretVersion_State, type SecretVersionSchema } from '../../../gen/coffer/v1/secret_version_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import { stateOfVersion, type Credential, type VersionRecord } from '../../vault/credentials/credential.ts';
import type { ChangedVersion, VersionChange } from '../../vault/credentials/version-decisions.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { parseId } from '../../vault/ids.ts';
import { Secret } from '../../vault/secret.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { toTimestamp } from '../shared/well-known-types.ts';
import { credentialToMessage } from './mapping.ts';
import { pageSizeOf } from './pages.ts';
import { etagsOf, inWorkspace } from './requests.ts';

/** The rpcs of `coffer.v1.SecretService` about versions. */
export function versionRpcs(parts: DialectParts): BoundRpc[] {
  return [...writingRpcs(parts), ...readingRpcs(parts)];
}

function writingRpcs({ versions, clock }: DialectParts): BoundRpc[] {
  const { addSecretVersion, restoreSecretVersion, destroySecretVersion } = SecretService.method;
  const write = inWorkspace('credentials.write');
  const answer = ({ credential, version }: ChangedVersion) => ({
    version: versionToMessage(credential, version),
    credential: credentialToMessage(credential, clock.now()),
  });
  return [
    workspaceMutation(addSecretVersion, write, {
      answer,
      run: async (request, call) => {
        if (!request.secret) throw invalidArgument('secret', 'is required');
        const secret = new Secret(request.secret);
        return versions.addVersion(call, request.credentialId, secret, etagsOf(request));
      },
    }),
    workspaceMutation(restoreSecretVersion, write, {
      answer,
      run: (request, call) => versions.restoreVersion(call, request.credentialId, changeOf(request)),
    }),
    workspaceMutation(destroySecretVersion, inWorkspace('credentials.purge'), {
      answer,
      run: (request, call) => versions.destroyVersion(call, request.credentialId, changeOf(request)),
    }),
  ];
}

function changeOf(request: RestoreSecretVersionRequest | DestroySecretVersionRequest): VersionChange {
  return { version: request.version, etags: etagsOf(request) };
}

function readingRpcs({ versions }: DialectParts): BoundRpc[] {
  const { listSecretVersions, compareSecretVersions } = SecretService.method;
  return [
    workspaceRpc(listSecretVersions, inWorkspace('credentials.read'), async (request, call) => {
      const size = pageSizeOf(request);
      const position = request.pageToken === '' ? undefined : parsePageToken(request.pageToken);
      const page = { size, ...(position && { before: position.version }) };
      const { credential, items, hasMore } = await versions.listVersions(call, request.credentialId, page);
      if (position && position.credentialId !== credential.id) throw foreignPageToken();
      const last = items.at(-1);
      return {
        versions: items.map((version) => versionToMessage(credential, version)),
        nextPageToken: hasMore && last ? formatPageToken(credential.id, last.version) : '',
      };
    }),
    workspaceRpc(compareSecretVersions, inWorkspace('secrets.reveal'), async (request, call) => {
      const { credentialId, version, otherVersion } = request;
      const fields = await versions.compareVersions(call, credentialId, [version, otherVersion]);
      return { fields: fields.map(({ name, change }) => ({ name, change: FieldComparison_Change[change] })) };
    }),
  ];
}

function versionToMessage(
  credential: Credential,
  version: VersionRecord,
): MessageInitShape<typeof SecretVersionSchema> {
  return {
    version: version.version,
    state: SecretVersion_State[stateOfVersion(credential, version)],
    createdAt: toTimestamp(version.createdAt),
    createdBy: version.createdBy,
  };
}

const tokenPattern = /^versions:(?<id>[0-9a-f-]{36}):(?<version>[1-9][0-9]{0,9})$/;

function formatPageToken(credentialId: string, version: number): string {
  return Buffer.from(`versions:${credentialId}:${version}`).toString('base64url');
}

/** Compares with the token as it would be issued, since base64 decoding ignores characters outside its alphabet. */
function parsePageToken(token: string): { readonly credentialId: string; readonly version: number } {
  const { id = '', version = '' } = tokenPattern.exec(Buffer.from(token, 'base64url').toString())?.groups ?? {};
  const position = { credentialId: parseId(id) ?? '', version: Number(version) };
  if (formatPageToken(position.credentialId, position.version) !== token || position.version > versionMax) {
    throw foreignPageToken();
  }
  return position;
}

/** The greatest number that the database holds. */
const versionMax = 2 ** 31 - 1;

function foreignPageToken() {
  return invalidArgument('page_token', 'is not one of this list');
}
