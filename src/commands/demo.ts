import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startCoffer } from '../start/coffer.ts';
import { readConfig } from '../start/read-config.ts';
import { SystemClock } from '../vault/time.ts';
import { readKeyFile } from '../start/keys/key-file.ts';
import { aborted, type StopRequests } from '../start/stop-requests.ts';
import { createOverGrpc, DemoClient, textMember } from './demo-client.ts';

/**
 * Starts a Coffer in a temporary folder, stores one credential through each dialect and over gRPC, lists them all through
 * one dialect, reveals one, and shows each step. It removes everything at the end.
 *
 * @returns the exit code: 0 where every step succeeded
 */
export async function demo(stopping: StopRequests): Promise<number> {
  stopping.listen();
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'coffer-demo-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const config = readConfig({ COFFER_DATA_DIR: dataDir, COFFER_PORT: '0' }, () => '');
  const coffer = await startCoffer(config, { log: pino({ level: 'silent' }), clock: new SystemClock() });
  stack.defer(() => coffer.stop());
  const adminKey = await readKeyFile(join(dataDir, 'admin.key'));
  if (adminKey === undefined) throw new Error('the first start made no admin key');
  const shown = showAll(new DemoClient(coffer.origin, adminKey, print), coffer.origin, adminKey);
  await Promise.race([shown, aborted(stopping.requested)]);
  stopping.requested.throwIfAborted();
  return 0;
}

async function showAll(client: DemoClient, origin: string, adminKey: string): Promise<void> {
  print(`Coffer is listening on ${origin}, with its own PostgreSQL in a temporary folder.`);
  print('$KEY below stands for its admin API key, from admin.key in that folder.');
  await createThroughDialects(client);

  print('\n# gRPC on the same port: coffer.v1.CredentialService/CreateCredential');
  const grpcId = await createOverGrpc(origin, adminKey);
  print(`  created ${grpcId}`);

  const caller = await client.call('the native API identifies the caller', {
    method: 'GET',
    path: '/v1/whoami',
  });
  await client.call('miniflow lists all six, whichever way they came', {
    method: 'GET',
    path: `/frontend/workspaces/${textMember(caller, 'default_workspace_short_id')}/credentials`,
  });
  await client.call('the native API reveals the one that came over gRPC', {
    method: 'POST',
    path: `/v1/workspaces/default/credentials/${grpcId}:reveal`,
    body: {},
  });
  print('\nEach create and the reveal have left an event in the audit trail, in the same transaction. Stopping.');
}

async function createThroughDialects(client: DemoClient): Promise<void> {
  await client.call('flowise', {
    method: 'POST',
    path: '/api/v1/credentials/',
    body: { name: 'Demo OpenAI', credentialName: 'openAIApi', credentialData: { openAIApiKey: 'sk-demo-flowise' } },
  });
  const password = 'demo password';
  await client.call('fishnet: a password first, then a session', {
    method: 'POST',
    path: '/api/auth/setup',
    body: { password, confirm: password },
  });
  const session = await client.call('fishnet: log in', {
    method: 'POST',
    path: '/api/auth/login',
    body: { password },
    hide: ['token'],
  });
  await client.call('fishnet', {
    method: 'POST',
    path: '/api/credentials',
    token: textMember(session, 'token'),
    body: { service: 'anthropic', name: 'primary', key: 'sk-demo-fishnet' },
  });
  await client.call('mielto', {
    method: 'POST',
    path: '/api/v1/credentials',
    body: {
      label: 'Demo Cohere',
      auth_type: 'api_key',
      credential_scope: 'workspace',
      provider: 'cohere',
      credentials: { api_key: 'demo-mielto' },
    },
  });
  await client.call('scale', {
    method: 'POST',
    path: '/v5/credentials',
    body: { type: 'key', name: 'demo-scale', payload: 'demo-scale-payload' },
  });
  await client.call('miniflow', {
    method: 'POST',
    path: `/frontend/workspaces/${await client.workspace()}/credentials/slack`,
    body: { name: 'Demo Slack', bot_token: 'xoxb-demo', signing_secret: 'demo-signing' },
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
