import assert from 'node:assert/strict';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  ComponentCredentialService,
  type ComponentCredentialSchema,
} from '../../../gen/flowise/v1/component_credential_service_pb.ts';
import type { RestExchange } from '../../gateway/contract/dialect.ts';
import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import type { FieldKind, Provider } from '../shared/provider-catalogue.ts';

/** Flowise's types of inputs. */
const inputTypes: Record<FieldKind, string> = { secret: 'password', url: 'url', text: 'string' };

const descriptionVersion = 1;

/** What stands between the names of several kinds, where a page asks for all that a node takes. */
export const separator = '&';

/** The most kinds that one call may ask for. */
export const componentsMax = 64;

/** Describes the credentials of a provider as one of Flowise's components does. */
export function componentOf(provider: Provider): MessageInitShape<typeof ComponentCredentialSchema> {
  return {
    label: provider.displayName,
    name: provider.component,
    version: descriptionVersion,
    inputs: provider.fields.map(({ label, name, kind }) => ({ label, name, type: inputTypes[kind] })),
  };
}

/** Describes those of a provider without a component: under the very name that was asked for, a secret for each of these fields. */
export function freeFormComponentOf(
  name: string,
  fieldNames: Iterable<string>,
): MessageInitShape<typeof ComponentCredentialSchema> {
  const inputs = Array.from(fieldNames, (field) => ({ label: field, name: field, type: inputTypes.secret }));
  return { label: name, name, version: descriptionVersion, inputs };
}

/** Answers one kind as it is, and several as a bare array, as Flowise does: a message has a member for each of the two. */
export function unwrapComponents(body: string, { method }: RestExchange): string {
  if (method?.name !== ComponentCredentialService.method.getComponentCredential.name) return body;
  const members: JsonValue = JSON.parse(body);
  assert(isJsonObject(members));
  return JSON.stringify(members['componentCredential'] ?? members['componentCredentials']);
}
