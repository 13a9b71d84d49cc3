import { canonicalJson, isJsonObject, type JsonObject } from '../reading/json.ts';
import type { OpenedEntry } from '../reading/source-entry.ts';
import { createOnce } from '../vault/create-once.ts';
import { createNatively } from './native-writer.ts';
import { memberOf, present, type Writer, type WriterContext } from './writer.ts';

/** A type of credentials that MiniFlow's API can create: its path, and the fields of its secret. */
interface CreatableType {
  readonly path: string;
  readonly required: string;
  readonly optional: readonly string[];
}

const creatable: Readonly<Record<string, CreatableType>> = {
  api_key: { path: 'api-key', required: 'api_key', optional: [] },
  slack: { path: 'slack', required: 'bot_token', optional: ['signing_secret', 'app_token'] },
};

/** Stores by MiniFlow's API, and by the native one what MiniFlow has no call for, such as passwords and SSH keys. */
export function miniflowWriter(context: WriterContext): Writer {
  const { calls, coffer, workspace } = context;
  const root = `/miniflow/frontend/workspaces/${workspace.shortId}/credentials`;
  return {
    keepsIds: false,
    sharesNames: false,
    needsDefaultWorkspace: false,
    create: async (entry, labels) => {
      const type = creatable[entry.authType ?? ''];
      if (!type || !isExpressible(entry, type)) return createNatively(context, entry, labels);
      const body = bodyOf(entry);
      const id = await createOnce(context, entry, async (requestId) => {
        const { body: answer, isReplayed } = await calls.post(`${root}/${type.path}`, { body, requestId });
        return { id: memberOf(isJsonObject(answer) ? answer['data'] : undefined, 'id'), isReplayed };
      });
      const { credential } = await coffer.credentials.getCredential({ workspaceId: workspace.id, credentialId: id });
      return { id: credential?.id ?? '', isLabelled: false };
    },
    startReading: async () => async (entry, credentialId) => {
      const { credential } = await coffer.credentials.getCredential({ workspaceId: workspace.id, credentialId });
      const shown = await calls.get(`${root}/${credential?.shortId}?include_secret=true`);
      const data = isJsonObject(shown) ? shown['data'] : undefined;
      if (!isJsonObject(data)) return 'MiniFlow does not show it';
      if (data['name'] !== entry.name) return 'its name differs';
      const fields = isJsonObject(data['credential_data']) ? data['credential_data'] : {};
      return canonicalJson(fields) === canonicalJson(entry.secret.fields) ? undefined : 'its fields differ';
    },
  };
}

/** Whether MiniFlow's API would store exactly these fields: it removes white space around texts, and knows no other fields. */
function isExpressible({ name, provider, secret }: OpenedEntry, { required, optional }: CreatableType): boolean {
  const fields = Object.entries(secret.fields);
  return (
    isKept(name) &&
    isKept(provider) &&
    provider.toUpperCase() === provider &&
    required in secret.fields &&
    fields.every(([field, value]) => (field === required || optional.includes(field)) && isKept(value))
  );
}

function isKept(text: unknown): boolean {
  return typeof text === 'string' && text !== '' && text.trim() === text;
}

function bodyOf({ name, provider, authType, secret, description, tags, expiresAt }: OpenedEntry): JsonObject {
  return present({
    ...secret.fields,
    name,
    provider: authType === 'slack' ? undefined : provider,
    description,
    tags: tags && [...tags],
    expires_at: expiresAt?.toISOString(),
  });
}
