import type { X509Certificate } from 'node:crypto';
import { createContextKey } from '@connectrpc/connect';
import type { Caller } from '../../vault/caller.ts';
import type { Connection } from '../port/connection.ts';

/** One request with its answer, as the log and the handlers know it. */
export interface Exchange {
  readonly requestId: string;
  /** Of the trace that is recorded, or that the client says the request belongs to; 32 hex digits. */
  readonly traceId: string | undefined;
  /** The peer's address. */
  readonly peer: string;
  readonly isLocal: boolean;
  /** Of the connection; only where it was asked for and is good. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Such a request proves nobody. */
  readonly hasSeveralAuthorizations: boolean;
  /** Undefined where it has ended by now. */
  readonly connection: Connection | undefined;
  /** Too many calls of the peer are in flight, so that this one is refused. */
  readonly isCrowded: boolean;
  readonly startedMs: number;
  /** Only where it is recorded. */
  readonly span: RequestSpan | undefined;
  /** Set once they are known. */
  readonly found: {
    protocol?: string;
    dialect?: string;
    /** A route's template or an rpc's name, never the path that was sent. */
    route?: string;
    /** The rpc that answers, by whatever protocol: `coffer.v1.CredentialService/GetCredential`. */
    rpc?: string;
    /** gRPC's or Connect's code, where the call failed. */
    code?: string;
    caller?: Caller;
    /** The credential that the request of a refused call names, as it names it. */
    credential?: string | undefined;
  };
}

/** An exchange whose answer has ended, or whose client has gone away. */
export interface EndedExchange {
  readonly found: Exchange['found'];
  /** HTTP's. */
  readonly status: number;
  /** The client did not wait for the end. */
  readonly isAborted: boolean;
  readonly durationMs: number;
}

/** The span of a request in a trace. */
export interface RequestSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Works below the span: what the work does is traced as a part of it. */
  readonly run: <T>(work: () => T) => T;
  /** To be called once. */
  readonly end: (ended: EndedExchange) => void;
}

/** Works for a request, below its span where there is one. */
export function workFor<T>({ span }: Pick<Exchange, 'span'>, work: () => T): T {
  return span ? span.run(work) : work();
}

/** Under which Connect's handlers find the exchange; undefined for a call that came by another way. */
export const exchangeKey = createContextKey<Exchange | undefined>(undefined, { description: 'exchange' });
