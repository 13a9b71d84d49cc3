import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pino, type Logger } from 'pino';
import { startCoffer as start } from '../../src/start/coffer.ts';
import type { Environment } from '../../src/config/config.ts';
import { readConfig } from '../../src/start/read-config.ts';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import type { Role } from '../../src/vault/permissions.ts';
import type { Clock } from '../../src/vault/time.ts';
import { parseObject, textOf } from './json.ts';
import { sharedPostgres, type TestDatabase } from './postgres.ts';

/** How a test's Coffer differs from an ordinary one. */
export interface TestCofferOptions {
  readonly now?: () => Date;
  readonly environment?: Environment;
  readonly log?: Logger;
  /** An existing database, to start on it once more; the keys must then be given in the environment. */
  readonly database?: TestDatabase;
  /** What starts it, where that is not this project's own. */
  readonly start?: typeof start;
}

/** What a key is issued with; see CreateApiKey. */
export interface KeyOptions {
  readonly role: Role;
  readonly workspaceId?: string;
  readonly dialect?: string;
  readonly withoutReveal?: boolean;
  readonly providers?: readonly string[];
  readonly tags?: readonly string[];
  readonly credentialIds?: readonly string[];
  readonly subjects?: readonly string[];
}

/** A whole Coffer on a database of its own, serving on a port of its own. */
export interface TestCoffer {
  readonly origin: string;
  readonly adminToken: string;
  readonly defaultWorkspaceId: string;
  /** `WSP-…`. */
  readonly defaultWorkspaceShortId: string;
  readonly database: TestDatabase;
  readonly environment: Environment;
  /** Issues an API key, and answers its token. */
  issueKey(options: KeyOptions): Promise<string>;
  /** Makes a workspace in which the admin key is ADMIN, and answers its id. */
  createWorkspace(name: string): Promise<string>;
  /** Sends a native REST request with the admin key, and answers the body; fails where it is no success. */
  native(this: void, method: string, path: string, body?: JsonValue): Promise<JsonObject>;
  stop(): Promise<void>;
}

/** Starts a Coffer as production does, with the embedded PostgreSQL that the process's tests share. */
export async function startCoffer(options: TestCofferOptions = {}): Promise<TestCoffer> {
  const database = options.database ?? (await (await sharedPostgres()).createMigratedDatabase());
  const adminToken = options.environment?.['COFFER_ADMIN_API_KEY'] ?? `cof_${randomBytes(32).toString('base64url')}`;
  const environment = {
    COFFER_PORT: '0',
    COFFER_DATABASE_URL: database.url,
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: adminToken,
    ...options.environment,
  };
  const config = readConfig(environment, (path) => readFileSync(path, 'utf8'));
  const clock: Clock = { now: options.now ?? (() => new Date()) };
  const coffer = await (options.start ?? start)(config, { clock, log: options.log ?? pino({ level: 'silent' }) });
  const native = (method: string, path: string, body?: JsonValue) =>
    sendNative(coffer.origin + path, method, adminToken, body);
  const whoAmI = await native('GET', '/v1/whoami');
  const defaultWorkspaceId = textOf(whoAmI, 'default_workspace_id');
  return {
    origin: coffer.origin,
    adminToken,
    defaultWorkspaceId,
    defaultWorkspaceShortId: textOf(whoAmI, 'default_workspace_short_id'),
    database,
    environment,
    native,
    issueKey: async ({ role, workspaceId = defaultWorkspaceId, dialect, withoutReveal, ...keyScope }) => {
      const body = {
        name: `a ${role} key`,
        role,
        ...(dialect && { dialect }),
        ...(withoutReveal && { without_reveal: true }),
        providers: [...(keyScope.providers ?? [])],
        tags: [...(keyScope.tags ?? [])],
        credential_ids: [...(keyScope.credentialIds ?? [])],
        subjects: [...(keyScope.subjects ?? [])],
      };
      return textOf(await native('POST', `/v1/workspaces/${workspaceId}/apiKeys`, body), 'token');
    },
    createWorkspace: async (name) => {
      return textOf(await native('POST', '/v1/workspaces', { workspace: { name } }), 'workspace', 'id');
    },
    stop: () => coffer.stop(),
  };
}

async function sendNative(url: string, method: string, token: string, body?: JsonValue): Promise<JsonObject> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const answer = parseObject(await response.text());
  if (!response.ok)
    throw new Error(`${method} ${new URL(url).pathname} was answered ${response.status}: ${textOf(answer, 'message')}`);
  return answer;
}
