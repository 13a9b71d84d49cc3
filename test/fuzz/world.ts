import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { parseObject, textOf } from '../support/json.ts';

/** What requests are about: a workspace, what is in it, and the tokens of callers. */
export interface World {
  readonly workspaceId: string;
  readonly workspaceShortId: string;
  readonly credentialIds: readonly string[];
  readonly names: readonly string[];
  readonly ownerToken: string;
  /** Keys of the workspace, one a role. */
  readonly tokens: readonly string[];
}

const roles = ['VIEWER', 'RUNTIME', 'EDITOR', 'ADMIN'] as const;
const credentials = 20;

/** Makes a workspace with credentials and keys, so that lists stay short however many requests were made before. */
export async function createWorld(origin: string, ownerToken: string, number: number): Promise<World> {
  const native = (path: string, body: JsonValue): Promise<JsonObject> => post(origin + path, ownerToken, body);
  const created = await native('/v1/workspaces', { workspace: { name: `fuzz ${number}` } });
  const workspaceId = textOf(created, 'workspace', 'id');
  const base = `/v1/workspaces/${workspaceId}`;
  const names = Array.from({ length: credentials }, (_, index) => `credential ${index}`);
  const ids = names.map(async (name) =>
    textOf(
      await native(`${base}/credentials`, {
        credential: { name, provider: 'OPENAI' },
        secret: { api_key: `sk-${name}` },
      }),
      'credential',
      'id',
    ),
  );
  const tokens = roles.map(async (role) => textOf(await native(`${base}/apiKeys`, { name: role, role }), 'token'));
  return {
    workspaceId,
    workspaceShortId: textOf(created, 'workspace', 'short_id'),
    credentialIds: await Promise.all(ids),
    names,
    ownerToken,
    tokens: await Promise.all(tokens),
  };
}

async function post(url: string, token: string, body: JsonValue): Promise<JsonObject> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${new URL(url).pathname} was answered ${response.status}`);
  return parseObject(await response.text());
}
