import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CreatedCredential, Writer, WriterContext } from './writer.ts';
import { createOnce } from '../vault/create-once.ts';
import type { OpenedEntry } from '../reading/source-entry.ts';

/** Stores by the native API. Sources whose entries have ids may have one name twice. */
export function nativeWriter(context: WriterContext, { sharesNames }: { readonly sharesNames: boolean }): Writer {
  return {
    keepsIds: false,
    sharesNames,
    needsDefaultWorkspace: false,
    create: (entry, labels) => createNatively(context, entry, labels),
    // The secret itself is compared whatever the dialect; the native API shows nothing else of a source.
    startReading: async () => async () => undefined,
  };
}

/** Stores an entry by the native API, with its labels in the same transaction. */
export async function createNatively(
  context: WriterContext,
  entry: OpenedEntry,
  labels: Readonly<Record<string, string>>,
): Promise<CreatedCredential> {
  const { coffer, workspace } = context;
  const request = { workspaceId: workspace.id, credential: credentialOf(entry, labels), secret: entry.secret.fields };
  const id = await createOnce(context, entry, async (requestId) => {
    let isReplayed = false;
    const { credential } = await coffer.credentials.createCredential(
      { ...request, requestId },
      { onHeader: (headers) => (isReplayed = headers.get('idempotent-replayed') === 'true') },
    );
    return { id: credential?.id ?? '', isReplayed };
  });
  return { id, isLabelled: true };
}

function credentialOf(
  { name, provider, authType, description, tags, expiresAt }: OpenedEntry,
  labels: Readonly<Record<string, string>>,
) {
  return {
    name,
    provider,
    labels: { ...labels },
    tags: [...(tags ?? [])],
    ...(authType !== undefined && { authType }),
    ...(description !== undefined && { description }),
    ...(expiresAt && { expiresAt: timestampFromDate(expiresAt) }),
  };
}
