import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { SharedPostgres } from '../support/postgres.ts';
import { parseObject, textOf } from '../support/json.ts';
import { fillerOf, type Fill } from './fill-database.ts';
import type { Target } from './scenarios.ts';
import { startServer, type ServerProcess, type Usage } from './server-process.ts';
import type { Server } from './servers.ts';

/** A server that runs, and how to call it. */
export interface RunningTarget {
  /** One for each workspace that is called. */
  readonly homes: readonly Target[];
  /** Every home at every process; the connections go round them. */
  readonly targets: readonly Target[];
  /** Adds a part of what the database has beside what is asked for. */
  readonly fill: Fill;
  /** Of all its processes together. */
  usage(): Usage;
  stop(): Promise<void>;
}

/** What runs Node as `npm start` does. */
export const nodeFlags = ['--disable-sigusr1', '--max-semi-space-size=8'];
/** The environment that goes with them. */
export const nodeEnvironment = { MALLOC_ARENA_MAX: '2' };

/** Coffer's own program. */
export const cofferProgram = resolve(import.meta.dirname, '../../bin/coffer.mjs');

/** As many callers as there are workspaces, but at most so many. */
const homesMax = 16;

/** Starts a server on a new database of the one PostgreSQL that all of them share. */
export async function startTarget(
  server: Server,
  postgres: SharedPostgres,
  profileDir?: string,
): Promise<RunningTarget> {
  const { connection, url } = await postgres.createDatabase();
  if (server.floor === undefined) {
    const fill = fillerOf(connection, {
      credentials: server.credentials ?? 0,
      workspaces: server.workspaces ?? 1,
      isSearched: true,
    });
    return { ...(await startCoffer(server, url, profileDir)), fill };
  }
  const process = await startServer([resolve(import.meta.dirname, server.floor), url], { errors: 'inherit' });
  const homes = [{ origin: process.origin, workspaceId: 'default', workspaceShortId: 'default' }];
  return { homes, targets: homes, fill: async () => undefined, ...together([process]) };
}

/** As in production: the default configuration, and a log at its default level, one line a request. */
async function startCoffer(
  { processes: count = 1, workspaces = 1, program, environment }: Server,
  url: string,
  profileDir: string | undefined,
): Promise<Omit<RunningTarget, 'fill'>> {
  const token = `cof_${randomBytes(32).toString('base64url')}`;
  const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileDir)}`];
  const path = program === undefined ? cofferProgram : resolve(import.meta.dirname, program);
  const settings = {
    ...nodeEnvironment,
    COFFER_PORT: '0',
    COFFER_DATABASE_URL: url,
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: token,
    // As many processes as a run may have share the 100 connections of the embedded PostgreSQL.
    COFFER_DATABASE_POOL_MAX: '12',
    ...environment,
  };
  const processes: ServerProcess[] = [];
  for (let started = 0; started < count; started++) {
    processes.push(await startServer([...nodeFlags, ...profile, path], { environment: settings }));
  }
  const homes = await findHomes(processes[0]?.origin ?? '', token, Math.min(workspaces, homesMax));
  const targets = homes.flatMap((home) => processes.map(({ origin }) => ({ ...home, origin })));
  return { homes, targets, ...together(processes) };
}

/** The default workspace, and others with a key of their own. */
async function findHomes(origin: string, token: string, count: number): Promise<readonly Target[]> {
  const caller = await call(origin, token, '/v1/whoami');
  const homes: Target[] = [
    {
      origin,
      token,
      workspaceId: textOf(caller, 'default_workspace_id'),
      workspaceShortId: textOf(caller, 'default_workspace_short_id'),
    },
  ];
  while (homes.length < count) {
    const { workspace } = await call(origin, token, '/v1/workspaces', { workspace: { name: `home ${homes.length}` } });
    const [workspaceId, workspaceShortId] = [textOf(workspace, 'id'), textOf(workspace, 'short_id')];
    const key = await call(origin, token, `/v1/workspaces/${workspaceId}/apiKeys`, { name: 'load', role: 'EDITOR' });
    homes.push({ origin, token: textOf(key, 'token'), workspaceId, workspaceShortId });
  }
  return homes;
}

async function call(origin: string, token: string, path: string, body?: object) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const request = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
  const response = await fetch(origin + path, request);
  if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
  return parseObject(await response.text());
}

function together(processes: readonly ServerProcess[]): Pick<RunningTarget, 'usage' | 'stop'> {
  return {
    usage: () => {
      const usages = processes.map((process) => process.usage());
      return {
        cpuMicros: sum(usages.map(({ cpuMicros }) => cpuMicros)),
        residentMiB: sum(usages.map(({ residentMiB }) => residentMiB)),
      };
    },
    stop: async () => {
      await Promise.all(processes.map((process) => process.stop()));
    },
  };
}

/** Undefined where one is. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((total, value) => (total === undefined || value === undefined ? undefined : total + value), 0);
}
