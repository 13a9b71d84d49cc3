import { isUuid } from '../planning/labels.ts';
import { isJsonObject } from '../reading/json.ts';
import { createOnce } from '../vault/create-once.ts';
import { createdOf, memberOf, type Writer, type WriterContext } from './writer.ts';

const path = '/flowise/api/v1/credentials/';

/** Stores by Flowise's API, which keeps the ids that its flows refer to. */
export function flowiseWriter(context: WriterContext): Writer {
  const { calls } = context;
  return {
    keepsIds: true,
    sharesNames: true,
    needsDefaultWorkspace: true,
    create: async (entry) => {
      const { originalId, name, provider, secret } = entry;
      const kept = isUuid(originalId) ? { id: originalId } : {};
      const body = { ...kept, name, credentialName: provider, plainDataObj: secret.fields };
      const id = await createOnce(context, entry, async (requestId) =>
        createdOf(await calls.post(path, { body, requestId })),
      );
      return { id, isLabelled: false };
    },
    startReading: async () => async (entry, credentialId) => {
      const shown = await calls.get(path + credentialId);
      if (memberOf(shown, 'name') !== entry.name) return 'its name differs';
      if (memberOf(shown, 'credentialName') !== entry.provider) return 'its component differs';
      const values = isJsonObject(shown) ? shown['plainDataObj'] : undefined;
      const names = Object.keys(isJsonObject(values) ? values : {}).toSorted();
      const expected = Object.keys(entry.secret.fields).toSorted();
      return names.join('\0') === expected.join('\0') ? undefined : 'its fields differ';
    },
  };
}
