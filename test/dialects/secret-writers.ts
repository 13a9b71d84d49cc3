import type { JsonObject } from '../../src/vault/json.ts';
import type { RestCall } from './call-rest.ts';

/** A request to change the secret of a credential, by its id. */
export type SecretWrite = (id: string, fields: JsonObject) => RestCall;

/** A mask or marker, by which each dialect leaves a value as it is. */
export const marker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';

/** How each dialect that changes secrets is asked to; those that have several calls for it by each of them. */
export const secretWriters: Readonly<Record<string, SecretWrite>> = {
  'flowise PUT': (id, fields) => ({
    method: 'PUT',
    path: `/flowise/api/v1/credentials/${id}`,
    body: { plainDataObj: fields },
  }),
  'flowise PUT of credentialData': (id, fields) => ({
    method: 'PUT',
    path: `/flowise/api/v1/credentials/${id}`,
    body: { credentialData: fields },
  }),
  'flowise POST with an id': (id, fields) => ({
    method: 'POST',
    path: '/flowise/api/v1/credentials/',
    body: { id, name: 'again', credentialName: 'openAIApi', plainDataObj: fields },
  }),
  'mielto PATCH': (id, fields) => ({
    method: 'PATCH',
    path: `/mielto/api/v1/credentials/${id}`,
    body: { credentials: fields },
  }),
  'mielto PUT': (id, fields) => ({
    method: 'PUT',
    path: `/mielto/api/v1/credentials/${id}`,
    body: { credentials: fields },
  }),
  'scale PATCH': (id, fields) => ({
    method: 'PATCH',
    path: `/scale/v5/credentials/${id}`,
    body: { payload: payloadOf(fields) },
  }),
  'flowise Connect': (id, fields) => rpc('flowise.v1.CredentialService', id, { plainDataObj: fields }),
  'mielto Connect': (id, fields) => rpc('mielto.v1.CredentialService', id, { credentials: fields }),
  'scale Connect': (id, fields) => rpc('scale.v5.CredentialService', id, { payload: payloadOf(fields) }),
};

/** How each dialect stores a secret; the native API first. */
export const creations: Readonly<Record<string, (name: string, workspace: string) => RestCall>> = {
  coffer: (name, workspace) => ({
    method: 'POST',
    path: `/v1/workspaces/${workspace}/credentials`,
    body: { credential: { name }, secret: { api_key: 'k' } },
  }),
  flowise: (name) => ({
    method: 'POST',
    path: '/flowise/api/v1/credentials/',
    body: { name, credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'k' } },
  }),
  fishnet: (name) => ({
    method: 'POST',
    path: '/fishnet/api/credentials',
    body: { service: 'openai', name, key: 'k' },
  }),
  mielto: (label) => ({
    method: 'POST',
    path: '/mielto/api/v1/credentials',
    body: { label, auth_type: 'api_key', credential_scope: 'workspace', credentials: { api_key: 'k' } },
  }),
  scale: (name) => ({ method: 'POST', path: '/scale/v5/credentials', body: { type: 'key', name, payload: 'k' } }),
  miniflow: (name, workspace) => ({
    method: 'POST',
    path: `/miniflow/frontend/workspaces/WSP-${workspace.replaceAll('-', '').slice(-16).toUpperCase()}/credentials/api-key`,
    body: { name, provider: 'openai', api_key: 'k' },
  }),
};

/** How Scale shows and takes a secret: the only text, or the JSON of all fields. */
export function payloadOf(fields: JsonObject): string {
  const [first, second] = Object.values(fields);
  return typeof first === 'string' && second === undefined ? first : JSON.stringify(fields);
}

function rpc(service: string, credentialId: string, members: JsonObject): RestCall {
  return { method: 'POST', path: `/${service}/UpdateCredential`, body: { credentialId, ...members } };
}
