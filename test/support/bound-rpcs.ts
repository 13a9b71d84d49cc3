import type { DescMethod } from '@bufbuild/protobuf';
import { dialects } from '../../src/dialects/index.ts';
import type { DialectParts } from '../../src/dialects/index.ts';
import type { Dialect } from '../../src/gateway/contract/dialect.ts';
import type { BoundRpc, BoundStream, GuardedRpc } from '../../src/gateway/contract/bound-rpc.ts';

/** An rpc as it is served, with the dialect that it belongs to. */
export interface ServedRpc {
  readonly dialect: Dialect;
  readonly rpc: BoundRpc;
}

/** An rpc that answers with a stream, as `ServedRpc`. */
export interface ServedStream {
  readonly dialect: Dialect;
  readonly rpc: BoundStream;
}

/** Any rpc as it is served. */
export interface GuardedServed {
  readonly dialect: Dialect;
  readonly rpc: GuardedRpc;
}

/** Every rpc that Coffer serves, but for streams. Their handlers cannot be called: they have no implementation. */
export function allBoundRpcs(): readonly ServedRpc[] {
  const nothing: DialectParts = JSON.parse('{}');
  return dialects(nothing).flatMap((dialect) => dialect.rpcs.map((rpc) => ({ dialect, rpc })));
}

/** Every rpc that answers with a stream; as `allBoundRpcs`. */
export function allBoundStreams(): readonly ServedStream[] {
  const nothing: DialectParts = JSON.parse('{}');
  return dialects(nothing).flatMap((dialect) => (dialect.streams ?? []).map((rpc) => ({ dialect, rpc })));
}

/** Every rpc that Coffer serves, those too that answer with streams, dialect by dialect; as `allBoundRpcs`. */
export function allGuardedRpcs(): readonly GuardedServed[] {
  const nothing: DialectParts = JSON.parse('{}');
  return dialects(nothing).flatMap((dialect) =>
    [...dialect.rpcs, ...(dialect.streams ?? [])].map((rpc) => ({ dialect, rpc })),
  );
}

/** Such as `coffer.v1.AccessService.WhoAmI`. */
export function nameOfRpc({ parent, name }: DescMethod): string {
  return `${parent.typeName}.${name}`;
}
