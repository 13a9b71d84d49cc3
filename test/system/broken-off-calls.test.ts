import { connect } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Client } from 'pg';
import { CredentialService } from '../../gen/coffer/v1/credential_service_pb.ts';
import { SecretService } from '../../gen/coffer/v1/secret_service_pb.ts';
import { createCredential, nativeClient } from '../dialects/coffer/native-client.ts';
import { until } from '../store/fixtures.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

const sessionsMax = 6;
const rounds = 4;
const callsOfRound = 100;
const deadlineMs = 300;

describe('calls that their callers break off while the database is busy', () => {
  let coffer: TestCoffer;
  let credentialId: string;
  /** Looks at the server's sessions, and is none of them. */
  let observer: Client;

  before(async () => {
    coffer = await startCoffer({ environment: { COFFER_DATABASE_POOL_MAX: String(sessionsMax) } });
    credentialId = await createCredential(nativeClient(coffer.origin, coffer.adminToken));
    observer = new Client(coffer.database.connection);
    await observer.connect();
  });

  after(async () => {
    await observer.end();
    await coffer.stop();
  });

  const countSessions = async (condition = 'true') => {
    const { rows } = await observer.query<{ count: number }>(`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and application_name = 'coffer' and ${condition}`);
    return rows[0]?.count ?? 0;
  };

  let ended = 0;

  /** Sends a call, and answers what breaks it off. */
  const senders: Readonly<Record<string, (isReveal: boolean) => () => void>> = {
    'by a socket that is destroyed': (isReveal) => {
      const { hostname, port } = new URL(coffer.origin);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.on('close', () => (ended += 1));
      const path = `/v1/workspaces/default/credentials${isReveal ? `/${credentialId}:reveal` : '?page_size=1000'}`;
      const headers = `host: coffer\r\nauthorization: Bearer ${coffer.adminToken}\r\ncontent-length: 0\r\n`;
      socket.write(`${isReveal ? 'POST' : 'GET'} ${path} HTTP/1.1\r\n${headers}\r\n`);
      return () => socket.destroy();
    },
    'by canceling gRPC calls': (isReveal) => {
      const abort = new AbortController();
      void callByGrpc(isReveal, { signal: abort.signal });
      return () => abort.abort();
    },
    'by the deadlines of gRPC calls': (isReveal) => {
      void callByGrpc(isReveal, { timeoutMs: deadlineMs });
      return () => undefined;
    },
  };

  const callByGrpc = async (isReveal: boolean, ending: { signal: AbortSignal } | { timeoutMs: number }) => {
    const transport = createGrpcTransport({ baseUrl: coffer.origin });
    const options = { ...ending, headers: { authorization: `Bearer ${coffer.adminToken}` } };
    const workspaceId = 'default';
    const called = isReveal
      ? createClient(SecretService, transport).revealSecret({ workspaceId, credentialId }, options)
      : createClient(CredentialService, transport).listCredentials({ workspaceId }, options);
    await called.catch(() => undefined);
    ended += 1;
  };

  for (const [title, send] of Object.entries(senders)) {
    it(`never take more sessions than the process may have: ${title}`, async function () {
      this.timeout(60_000);
      const holder = new Client(coffer.database.connection);
      await holder.connect();
      const waiting = `wait_event_type = 'Lock'`;
      const counts: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await holder.query('begin; lock table credential in access exclusive mode');
        ended = 0;
        const breakOff = Array.from({ length: callsOfRound }, (_, index) => send(index % 2 === 0));
        await until(async () => (await countSessions(waiting)) > 1 || ended === callsOfRound);
        for (const one of breakOff) one();
        await until(async () => {
          counts.push(await countSessions());
          // Reveals that share a transaction end together, not one by one.
          return (await countSessions(waiting)) <= 1;
        });
        await holder.query('rollback');
      }
      await holder.end();
      expect(Math.max(...counts)).to.be.within(1, sessionsMax);
      const { status } = await nativeClient(coffer.origin, coffer.adminToken)({ path: '/v1/workspaces/default' });
      expect(status).to.equal(200);
    });
  }
});
