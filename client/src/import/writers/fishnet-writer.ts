import { createOnce } from '../vault/create-once.ts';
import { createdOf, memberOf, type Writer, type WriterContext } from './writer.ts';

const path = '/fishnet/api/credentials';

/** Stores by Fishnet's API. */
export function fishnetWriter(context: WriterContext): Writer {
  const { calls } = context;
  return {
    keepsIds: false,
    sharesNames: true,
    needsDefaultWorkspace: true,
    create: async (entry) => {
      const body = { service: entry.provider, name: entry.name, key: entry.secret.fields['key'] ?? '' };
      const id = await createOnce(context, entry, async (requestId) =>
        createdOf(await calls.post(path, { body, requestId })),
      );
      return { id, isLabelled: false };
    },
    startReading: async () => {
      const list = await calls.get(path);
      const shown = new Map((Array.isArray(list) ? list : []).map((item: unknown) => [memberOf(item, 'id'), item]));
      return async ({ name, provider }, credentialId) => {
        const item = shown.get(credentialId);
        if (item === undefined) return 'Fishnet does not list it';
        return memberOf(item, 'name') === name.trim() && memberOf(item, 'service') === provider.trim()
          ? undefined
          : 'its name or service differs';
      };
    },
  };
}
