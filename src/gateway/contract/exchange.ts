import type { X509Certificate } from 'node:crypto';
import { createContextKey } from '@connectrpc/connect';
import type { Caller } from '../../vault/caller.ts';
import type { Connection } from '../port/connection.ts';

/** A request and its answer, as the log and the handlers see them. */
export interface Exchange {
  readonly requestId: string;
  /** The recorded trace, or the client's trace from `traceparent`; 32 hex digits. */
  readonly traceId: string | undefined;
  /** The client's address. */
  readonly peer: string;
  readonly isLocal: boolean;
  /** The verified client certificate of the connection, if one was requested. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Such a request is not authenticated. */
  readonly hasSeveralAuthorizations: boolean;
  /** Undefined if it has ended by now. */
  readonly connection: Connection | undefined;
  /** Too many calls of the client are in flight, so that this one is refused. */
  readonly isCrowded: boolean;
  readonly startedMs: number;
  /** Undefined unless the trace is recorded. */
  readonly span: RequestSpan | undefined;
  /** Set as they become known. */
  readonly found: {
    protocol?: string;
    dialect?: string;
    /** A route's template or an rpc's name, never the path that was sent. */
    route?: string;
    /** The rpc that answers, for every protocol: `coffer.v1.CredentialService/GetCredential`. */
    rpc?: string;
    /** The code of gRPC or Connect of a failed call. */
    code?: string;
    caller?: Caller;
    /** The credential of a refused call, as the request names it. */
    credential?: string | undefined;
    /** The answer is that of an earlier call with the same request id. */
    isReplayed?: boolean;
  };
}

/** An exchange whose answer has ended, or whose client has gone away. */
export interface EndedExchange {
  readonly found: Exchange['found'];
  /** The HTTP status. */
  readonly status: number;
  /** The client did not wait for the end. */
  readonly isAborted: boolean;
  readonly durationMs: number;
}

/** The span of a request in a trace. */
export interface RequestSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Runs work with the span as the parent of its spans. */
  readonly run: <T>(work: () => T) => T;
  /** To be called once. */
  readonly end: (ended: EndedExchange) => void;
}

/** Runs work for a request, within its span if there is one. */
export function workFor<T>({ span }: Pick<Exchange, 'span'>, work: () => T): T {
  return span ? span.run(work) : work();
}

/** The key by which Connect's handlers find the exchange; undefined for a call that does not come through the port. */
export const exchangeKey = createContextKey<Exchange | undefined>(undefined, { description: 'exchange' });
