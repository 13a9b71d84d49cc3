import type { MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import {
  ComponentCredentialService,
  type ComponentCredentialSchema,
} from '../../../gen/flowise/v1/component_credential_service_pb.ts';
import { authenticatedRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { FixedAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import type { Call } from '../../vault/caller.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { invalidArgument, notFound } from '../../vault/errors.ts';
import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import { findProvider, isFreeForm, providers, type FieldKind, type Provider } from '../shared/provider-catalogue.ts';

const { getComponentCredential, listComponentCredentials } = ComponentCredentialService.method;

type Component = MessageInitShape<typeof ComponentCredentialSchema>;

/** Flowise's input types. */
const inputTypes: Record<FieldKind, string> = { secret: 'password', url: 'url', text: 'string' };

const componentVersion = 1;

/** Separates the names where Flowise's UI requests all components that a node accepts. */
const nameSeparator = '&';

/** The most components that one call may request. */
const componentsMax = 64;

/** The rpcs that describe the forms of credentials, which Flowise's UI requests before it creates one. */
export function componentRpcs(vault: CredentialVault): BoundRpc[] {
  return [
    authenticatedRpc(listComponentCredentials, async () => ({ componentCredentials: providers.map(componentOf) })),
    authenticatedRpc(getComponentCredential, async ({ name }, call) => {
      if (!name.includes(nameSeparator)) return { componentCredential: await describeComponent(vault, call, name) };
      return { componentCredentials: await describeComponents(vault, call, name.split(nameSeparator)) };
    }),
  ];
}

/** Replaces the answer of GetComponentCredential by its only member, since Flowise answers an object or a bare array. */
export function unwrapComponents(body: string, { method }: RestExchange): string {
  if (method?.name !== getComponentCredential.name) return body;
  const members: JsonValue = JSON.parse(body);
  assert(isJsonObject(members));
  return JSON.stringify(members['componentCredential'] ?? members['componentCredentials']);
}

async function describeComponents(vault: CredentialVault, call: Call, names: readonly string[]) {
  const wanted = names.filter((name) => name !== '');
  if (wanted.length > componentsMax) throw invalidArgument('name', `must be at most ${componentsMax} names`);
  return Promise.all(wanted.map((name) => describeComponent(vault, call, name)));
}

/** A provider outside of the catalogue has a component once the workspace has credentials of it; `custom` always has one. */
async function describeComponent(vault: CredentialVault, call: Call, name: string): Promise<Component> {
  const provider = findProvider(name);
  if (provider && !isFreeForm(name)) return componentOf(provider);
  const fieldNames = name.includes('\0') ? undefined : await vault.describeFields(call, name);
  if (!provider && !fieldNames) throw notFound('component', name);
  const inputs = Array.from(fieldNames ?? [], (field) => ({ label: field, name: field, type: inputTypes.secret }));
  return { label: name, name, version: componentVersion, inputs };
}

function componentOf({ displayName, component, fields }: Provider): Component {
  const inputs = fields.map(({ label, name, kind }) => ({ label, name, type: inputTypes[kind] }));
  return { label: displayName, name: component, version: componentVersion, inputs };
}

/** A grey key, the same for every component. */
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="#808080" ' +
  'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">' +
  '<circle cx="7.5" cy="15.5" r="4.5"/><path d="M10.7 12.3 20 3M16 7l3 3"/></svg>';

/**
 * What Flowise's UI requests without a key: the icons of components, whether the server runs, and its version.
 *
 * @param version the product's version
 * @see https://github.com/FlowiseAI/Flowise packages/server/src/routes
 */
export function fixedAnswers(version: string): readonly FixedAnswer[] {
  return [
    { path: '/api/v1/components-credentials-icon/*', contentType: 'image/svg+xml', body: icon },
    { path: '/api/v1/ping', contentType: 'text/plain; charset=utf-8', body: 'pong' },
    { path: '/api/v1/version', contentType: 'application/json; charset=utf-8', body: JSON.stringify({ version }) },
  ];
}
