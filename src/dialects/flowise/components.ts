import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ComponentCredentialSchema } from '../../../gen/flowise/v1/component_credential_service_pb.ts';
import type { FieldKind, Provider } from '../../vault/provider-catalogue.ts';

/** Flowise's types of inputs. */
const inputTypes: Record<FieldKind, string> = { secret: 'password', url: 'url', text: 'string' };

const descriptionVersion = 1;

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
