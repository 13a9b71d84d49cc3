import type { X509Certificate } from 'node:crypto';
import { createContextKey } from '@connectrpc/connect';
import type { Caller } from '../vault/caller.ts';

/** One request with its answer, as the log and the handlers know it. */
export interface Exchange {
  readonly requestId: string;
  /** The peer's address. */
  readonly peer: string;
  readonly isLocal: boolean;
  /** Of the connection; only where it was asked for and is good. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Such a request proves nobody. */
  readonly hasSeveralAuthorizations: boolean;
  readonly startedMs: number;
  /** Set once they are known. */
  readonly found: {
    protocol?: string;
    dialect?: string;
    /** A route's template or an rpc's name, never the path that was sent. */
    route?: string;
    /** gRPC's or Connect's code, where the call failed. */
    code?: string;
    caller?: Caller;
  };
}

/** Under which Connect's handlers find the exchange; undefined for a call that came by another way. */
export const exchangeKey = createContextKey<Exchange | undefined>(undefined, { description: 'exchange' });
