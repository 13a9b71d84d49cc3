import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { FastifyInstance } from 'fastify';
import { withHead, type RouteTable } from '../routes/route-table.ts';

const everyMethod = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'] as const;

/** The methods of every path: rpcs, REST routes and the server's own paths. */
export class AllowedMethods {
  readonly #table: RouteTable;
  readonly #rpcsByPath: ReadonlyMap<string, DescMethod>;
  readonly #systemPaths = new Set<string>();

  /** @param rpcs of all dialects */
  constructor(table: RouteTable, rpcs: readonly DescMethod[]) {
    this.#table = table;
    this.#rpcsByPath = new Map(rpcs.map((rpc) => [`/${rpc.parent.typeName}/${rpc.name}`, rpc]));
  }

  /** Records the server's own paths, such as `/healthz`, as they are registered in a scope. All of them answer GET. */
  recordSystemPaths(scope: FastifyInstance): void {
    scope.addHook('onRoute', ({ url }) => void this.#systemPaths.add(url));
  }

  /** The methods of one of the server's own paths; undefined for any other. */
  ofSystem(path: string): readonly string[] | undefined {
    const isKnown = this.#systemPaths.has(path) || [...this.#systemPaths].some((known) => isBelow(known, path));
    return isKnown ? withHead(['GET']) : undefined;
  }

  /** The methods of a path, or of the server for `*`; undefined for an unknown path. */
  of(path: string): readonly string[] | undefined {
    if (path === '*') return everyMethod;
    const rpc = this.#rpcsByPath.get(path);
    return rpc ? methodsOfRpc(rpc) : (this.ofSystem(path) ?? this.#table.allowedMethods(path));
  }
}

/** A path that ends in an asterisk covers all paths below it. */
function isBelow(known: string, path: string): boolean {
  return known.endsWith('*') && path.startsWith(known.slice(0, -1));
}

/** Connect also answers calls without side effects by GET. @see https://connectrpc.com/docs/protocol#unary-get-request */
function methodsOfRpc({ idempotency, methodKind }: DescMethod): readonly string[] {
  const mayGet = methodKind === 'unary' && idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;
  return withHead(mayGet ? ['GET', 'POST'] : ['POST']);
}
