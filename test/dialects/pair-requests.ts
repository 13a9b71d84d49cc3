import type { JsonObject } from '../../src/vault/json.ts';
import type { RestCall } from './call-rest.ts';
import { marker, payloadOf } from './secret-writers.ts';

/** A provider as each dialect's clients call it, and the field that Flowise's component has for its one secret. */
export interface PairProvider {
  readonly title: string;
  readonly name: string;
  readonly component: string;
  readonly field: string;
}

export const pairProviders: readonly PairProvider[] = [
  { title: 'openai', name: 'openai', component: 'openAIApi', field: 'openAIApiKey' },
  { title: 'azure', name: 'azure', component: 'azureOpenAIApi', field: 'azureOpenAIApiKey' },
  { title: 'slack', name: 'slack', component: 'slackApi', field: 'botToken' },
  { title: 'custom', name: 'custom', component: 'custom', field: 'value' },
  { title: 'an unknown provider', name: 'acme', component: 'acme', field: 'acmeKey' },
];

/** What a dialect stores. */
export interface Creation {
  readonly request: (name: string, workspace: string) => RestCall;
  /** Where the answer has the id. */
  readonly id: readonly string[];
  readonly provider: string;
  readonly secret: JsonObject;
}

/** A dialect as the creator of a credential; undefined where it can store no such one. */
export type Creator = (provider: PairProvider, fields: 1 | 2) => Creation | undefined;

export const creators: Readonly<Record<string, Creator>> = {
  coffer: ({ name: provider }, fields) => {
    const secret = fields === 1 ? { token: 'xoxb-old' } : { token: 'xoxb-old', region: 'region-old' };
    const request = (name: string, workspace: string) =>
      post(`/v1/workspaces/${workspace}/credentials`, { credential: { name, provider }, secret });
    return { request, id: ['credential', 'id'], provider, secret };
  },
  flowise: ({ component, field }, fields) => {
    const secret = fields === 1 ? { [field]: 'xoxb-old' } : { [field]: 'xoxb-old', more: 'region-old' };
    const request = (name: string) =>
      post('/flowise/api/v1/credentials/', { name, credentialName: component, plainDataObj: secret });
    return { request, id: ['id'], provider: component, secret };
  },
  fishnet: ({ name: provider }, fields) => {
    const request = (name: string) => post('/fishnet/api/credentials', { service: provider, name, key: 'xoxb-old' });
    return fields === 1 ? { request, id: ['id'], provider, secret: { key: 'xoxb-old' } } : undefined;
  },
  mielto: ({ name: provider }, fields) => {
    const secret = fields === 1 ? { api_key: 'xoxb-old' } : { api_key: 'xoxb-old', region: 'region-old' };
    const request = (label: string) =>
      post('/mielto/api/v1/credentials', {
        label,
        provider,
        auth_type: 'api_key',
        credential_scope: 'workspace',
        credentials: secret,
      });
    return { request, id: ['id'], provider, secret };
  },
  scale: ({ name: provider }, fields) => {
    const isPossible = provider === 'custom' && fields === 1;
    return isPossible ? { request: createInScale, id: ['id'], provider, secret: { payload: 'xoxb-old' } } : undefined;
  },
  miniflow: ({ name: provider }, fields) => {
    if (fields === 2 && provider !== 'slack') return undefined;
    const kind = provider === 'slack' ? 'slack' : 'api-key';
    const secret = {
      [provider === 'slack' ? 'bot_token' : 'api_key']: 'xoxb-old',
      ...(fields === 2 && { signing_secret: 'region-old' }),
    };
    const request = (name: string, workspace: string) =>
      post(`${miniflowPath(workspace)}/${kind}`, { name, provider, ...secret });
    return { request, id: ['data', 'id'], provider: provider.toUpperCase(), secret };
  },
};

/** A change of a secret, and what is stored after it. */
export interface Rotation {
  readonly request: (id: string) => RestCall;
  readonly after: JsonObject;
}

/** A dialect that changes secrets, and what it makes of one with one field or two. */
export type Rotator = (provider: PairProvider, stored: JsonObject) => Rotation;

export const rotators: Readonly<Record<string, Rotator>> = {
  flowise: ({ component, name, field }, stored) => {
    const [first = '', second] = Object.keys(stored);
    const isOfAnyFields = component === name;
    // As Flowise's page sends it: what it does not show with its marker, and the component's own field. A component of any fields
    // has one for each that is stored.
    const one = isOfAnyFields ? { [field]: 'xoxb-new' } : { [first]: marker, [field]: 'xoxb-new' };
    const plainDataObj = second === undefined ? one : { [first]: 'xoxb-new', [second]: marker };
    return {
      request: (id) => ({ method: 'PUT', path: `/flowise/api/v1/credentials/${id}`, body: { plainDataObj } }),
      after: { ...stored, [first]: 'xoxb-new' },
    };
  },
  mielto: (_, stored) => {
    const [first = '', second] = Object.keys(stored);
    const both = { [first]: 'xoxb-new', ...(second !== undefined && { [second]: 'region-new' }) };
    const credentials = second === undefined ? { api_key: 'xoxb-new' } : both;
    return {
      request: (id) => ({ method: 'PATCH', path: `/mielto/api/v1/credentials/${id}`, body: { credentials } }),
      after: both,
    };
  },
  scale: (_, stored) => {
    const [first = '', second] = Object.keys(stored);
    const both = { [first]: 'xoxb-new', ...(second !== undefined && { [second]: 'region-new' }) };
    return {
      request: (id) => ({ method: 'PATCH', path: `/scale/v5/credentials/${id}`, body: { payload: payloadOf(both) } }),
      after: both,
    };
  },
};

export function miniflowPath(workspace: string): string {
  const shortId = `WSP-${workspace.replaceAll('-', '').slice(-16).toUpperCase()}`;
  return `/miniflow/frontend/workspaces/${shortId}/credentials`;
}

function post(path: string, body: object): RestCall {
  return { method: 'POST', path, body };
}

function createInScale(name: string): RestCall {
  return post('/scale/v5/credentials', { type: 'key', name, payload: 'xoxb-old' });
}
