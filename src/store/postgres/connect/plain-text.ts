import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Client } from 'pg';
import type { StoreLog } from './store-log.ts';

/** Of this machine: IPv4, IPv6, and IPv4 written as IPv6. */
const loopback = /^(127\.|::1$|::ffff:127\.)/;

/** Warns of sessions that anybody between this machine and that of the database can read and change. */
export function warnOfPlainText({ connection, host }: Client, log: StoreLog): void {
  const { stream } = connection;
  // A Unix socket has no address.
  if (stream instanceof TLSSocket || !(stream instanceof Socket) || stream.remoteAddress === undefined) return;
  if (loopback.test(stream.remoteAddress)) return;
  log.warn(
    { database: host },
    'sessions at the database are not encrypted though it is on another host: give sslmode=verify-full and sslrootcert in its URL',
  );
}
