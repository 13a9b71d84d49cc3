import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { parseObject } from '../support/json.ts';
import {
  operations,
  secretFields,
  type ModelAnswer,
  type ModelCall,
  type Operation,
  type ShownCredential,
} from './model-state.ts';

/** An answer with the id of a credential that it creates. */
export interface DrivenAnswer {
  readonly answer: ModelAnswer;
  readonly createdId: string | undefined;
}

/** How an operation is called, and what its answer shows. */
interface Driver {
  readonly rpc: string;
  readonly message: (call: ModelCall) => JsonObject;
  readonly read: (body: JsonObject) => Omit<ModelAnswer, 'outcome'>;
}

/** In the past, so that a credential with it is expired at once. */
const pastTime = '2001-01-01T00:00:00Z';

const drivers: Readonly<Record<Operation, Driver>> = {
  get: {
    rpc: 'CredentialService/GetCredential',
    message: ({ showDeleted }) => (showDeleted ? { show_deleted: true } : {}),
    read: readCredential,
  },
  listVersions: { rpc: 'SecretService/ListSecretVersions', message: () => ({}), read: readVersions },
  reveal: {
    rpc: 'SecretService/RevealSecret',
    message: ({ version }) => ({ version }),
    read: (body) => ({ secret: textsOf(body['secret']), version: Number(body['version']) }),
  },
  compare: {
    rpc: 'SecretService/CompareSecretVersions',
    message: ({ version, otherVersion }) => ({ version, other_version: otherVersion }),
    read: readFields,
  },
  create: {
    rpc: 'CredentialService/CreateCredential',
    message: ({ name, provider, content }) => ({ credential: { name, provider }, secret: secretFields[content] }),
    read: readCredential,
  },
  previewUpdate: {
    rpc: 'CredentialService/UpdateCredential',
    message: ({ name, provider }) => ({ credential: { name, provider }, validate_only: true }),
    read: readCredential,
  },
  update: {
    rpc: 'CredentialService/UpdateCredential',
    message: ({ name, provider }) => ({ credential: { name, provider } }),
    read: readCredential,
  },
  expire: {
    rpc: 'CredentialService/UpdateCredential',
    message: () => ({ credential: { expires_at: pastTime }, update_mask: 'expiresAt' }),
    read: readCredential,
  },
  unexpire: {
    rpc: 'CredentialService/UpdateCredential',
    message: () => ({ credential: {}, update_mask: 'expiresAt' }),
    read: readCredential,
  },
  activate: { rpc: 'CredentialService/ActivateCredential', message: () => ({}), read: readCredential },
  deactivate: { rpc: 'CredentialService/DeactivateCredential', message: () => ({}), read: readCredential },
  delete: { rpc: 'CredentialService/DeleteCredential', message: () => ({}), read: readCredential },
  undelete: { rpc: 'CredentialService/UndeleteCredential', message: () => ({}), read: readCredential },
  purge: { rpc: 'CredentialService/PurgeCredential', message: () => ({}), read: () => ({}) },
  addVersion: {
    rpc: 'SecretService/AddSecretVersion',
    message: ({ content }) => ({ secret: secretFields[content] }),
    read: readCredential,
  },
  restore: {
    rpc: 'SecretService/RestoreSecretVersion',
    message: ({ version }) => ({ version }),
    read: readCredential,
  },
  destroy: {
    rpc: 'SecretService/DestroySecretVersion',
    message: ({ version }) => ({ version }),
    read: () => ({}),
  },
};

/** Makes calls of the model to servers, over Connect with JSON. */
export class VaultDriver {
  readonly #origins: readonly string[];
  readonly #tokens: ReadonlyMap<string, string>;

  /** @param tokens by the names of callers */
  constructor(origins: readonly string[], tokens: ReadonlyMap<string, string>) {
    this.#origins = origins;
    this.#tokens = tokens;
  }

  /** @param server the index of the origin */
  async perform(call: ModelCall, server: number): Promise<DrivenAnswer> {
    const { rpc, message, read } = drivers[call.operation];
    const response = await fetch(`${this.#origins[server]}/coffer.v1.${rpc}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#tokens.get(call.caller)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        workspace_id: 'default',
        ...(call.operation !== 'create' && { credential_id: call.id }),
        ...(operations[call.operation].takesEtag && call.etag !== undefined && { etag: call.etag }),
        ...(call.requestId !== undefined && { request_id: call.requestId }),
        ...message(call),
      }),
    });
    const body = parseObject(await response.text());
    if (!response.ok) return { answer: refusalOf(body), createdId: undefined };
    const createdId = call.operation === 'create' ? textIn(body, 'credential', 'id') : undefined;
    return { answer: { outcome: 'ok', ...read(body) }, createdId };
  }
}

function refusalOf(body: JsonObject): ModelAnswer {
  const [detail]: readonly JsonValue[] = Array.isArray(body['details']) ? body['details'] : [];
  const reason = textIn(detail, 'debug', 'reason') ?? `${textIn(body, 'code')}: ${textIn(body, 'message')}`;
  const etag = textIn(detail, 'debug', 'metadata', 'etag');
  return { outcome: reason, ...(etag !== undefined && { etag }) };
}

function readCredential(body: JsonObject): { readonly credential: ShownCredential } {
  const textOf = (name: string) => textIn(body, 'credential', name) ?? '';
  return {
    credential: {
      name: textOf('name'),
      provider: textOf('provider'),
      state: textOf('state'),
      etag: textOf('etag'),
      currentVersion: Number(memberIn(body, 'credential', 'current_version')),
    },
  };
}

function readVersions({ versions }: JsonObject): Pick<ModelAnswer, 'versions'> {
  const states = listOf(versions).map((one) => [Number(memberIn(one, 'version')), textIn(one, 'state') ?? ''] as const);
  return { versions: Object.fromEntries(states) };
}

function readFields({ fields }: JsonObject): Pick<ModelAnswer, 'fields'> {
  const changes = listOf(fields).map((one) => [textIn(one, 'name') ?? '', textIn(one, 'change') ?? ''] as const);
  return { fields: Object.fromEntries(changes) };
}

function textsOf(value: JsonValue | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(Object(value)).map(([name, text]) => [name, typeof text === 'string' ? text : '']),
  );
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function memberIn(value: JsonValue | undefined, ...names: readonly string[]): JsonValue | undefined {
  let found = value;
  for (const name of names) found = isJsonObject(found) ? found[name] : undefined;
  return found;
}

function textIn(value: JsonValue | undefined, ...names: readonly string[]): string | undefined {
  const found = memberIn(value, ...names);
  return typeof found === 'string' ? found : undefined;
}
