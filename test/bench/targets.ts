import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { SharedPostgres } from '../support/postgres.ts';
import { parseObject, textOf } from '../support/json.ts';
import type { ServerName, Target } from './scenarios.ts';
import { startServer, type ServerProcess } from './server-process.ts';

/** A server that runs, and how to call it. */
export interface RunningTarget extends Target {
  readonly process: ServerProcess;
}

const floorPrograms: Readonly<Record<Exclude<ServerName, 'Coffer'>, string>> = {
  F1: 'floors/http-floor.ts',
  F2: 'floors/connect-floor.ts',
  F3: 'floors/grpc-floor.ts',
};

/** Starts a server on a new database of the one PostgreSQL that all of them share. */
export async function startTarget(
  name: ServerName,
  postgres: SharedPostgres,
  profileDir?: string,
): Promise<RunningTarget> {
  const { url } = await postgres.createDatabase();
  const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileDir)}`];
  if (name === 'Coffer') return startCoffer(url, profile);
  const program = resolve(import.meta.dirname, floorPrograms[name]);
  const process = await startServer([program, url], { errors: 'inherit' });
  return { process, origin: process.origin, workspaceId: 'default', workspaceShortId: 'default' };
}

/** As in production: the default configuration, and a log at its default level, one line a request. */
async function startCoffer(url: string, nodeOptions: readonly string[]): Promise<RunningTarget> {
  const token = `cof_${randomBytes(32).toString('base64url')}`;
  const process = await startServer([...nodeOptions, resolve(import.meta.dirname, '../../bin/coffer.mjs')], {
    environment: {
      COFFER_PORT: '0',
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: token,
    },
  });
  const { origin } = process;
  const response = await fetch(`${origin}/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  const caller = parseObject(await response.text());
  return {
    process,
    origin,
    token,
    workspaceId: textOf(caller, 'default_workspace_id'),
    workspaceShortId: textOf(caller, 'default_workspace_short_id'),
  };
}
