import { toJson, type DescEnum, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { Column } from '../output/table.ts';
import { formatFields } from '../output/table.ts';
import { Credential_StateSchema, type Credential } from '../../gen/coffer/v1/credential_pb.ts';

/** The columns of a list of credentials. */
export const credentialColumns: readonly Column<Credential>[] = [
  { heading: 'NAME', text: ({ name }) => name ?? '' },
  { heading: 'PROVIDER', text: ({ provider }) => provider ?? '' },
  { heading: 'STATE', text: ({ state }) => enumName(Credential_StateSchema, state) },
  { heading: 'VERSION', text: ({ currentVersion }) => String(currentVersion) },
  { heading: 'UPDATED', text: ({ updatedAt }) => formatTime(updatedAt) },
  { heading: 'ID', text: ({ shortId }) => shortId },
];

/** Everything about a credential, a line for each field. */
export function formatCredential(credential: Credential): string {
  return formatFields({
    name: credential.name,
    id: `${credential.shortId} (${credential.id})`,
    description: credential.description,
    provider: credential.provider,
    subject: credential.subject,
    'auth type': credential.authType,
    category: credential.category,
    scope: credential.scope,
    tags: credential.tags.join(', '),
    labels: Object.entries(credential.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
    metadata: credential.metadata && JSON.stringify(credential.metadata),
    state: enumName(Credential_StateSchema, credential.state),
    version: String(credential.currentVersion),
    etag: credential.etag,
    origin: credential.origin,
    'created by': credential.createdBy,
    created: formatTime(credential.createdAt),
    updated: formatTime(credential.updatedAt),
    expires: formatTime(credential.expiresAt),
    used: formatTime(credential.lastUsedAt),
    uses: String(credential.useCount),
    deleted: formatTime(credential.deletedAt),
    'purged at': formatTime(credential.purgeAt),
  });
}

/** A message of the API in the JSON form of its REST responses. */
export function messageJson<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonValue {
  return toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
}

/** A time in UTC, to the second; empty if there is none. */
export function formatTime(time: Timestamp | undefined): string {
  return time === undefined
    ? ''
    : timestampDate(time)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}

/** The name of a value of an enum, as in JSON; its number if this release does not know it. */
export function enumName({ value }: DescEnum, number: number): string {
  return value[number]?.name ?? String(number);
}
