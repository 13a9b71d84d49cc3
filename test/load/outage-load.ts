import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import type { CofferProcess } from '../support/coffer-process.ts';
import { parseObject } from '../support/json.ts';
import { outcomeOf } from './history.ts';
import { constantPart, outageShapes, type OutageShape } from './outage-shapes.ts';
import { grpc, grpcWeb } from './rpc-client.ts';
import type { Connect } from './vault-client.ts';

/** How many callers there are of each protocol. */
export const callersOfEach = 4;

/** What the callers of one protocol have been told. */
export interface Told {
  readonly acknowledged: Map<string, { readonly name: string; readonly secret: object }>;
  /** Names of which nobody knows whether they are there. */
  readonly unknown: Set<string>;
  /** By the clock of `performance`, of the last success. */
  succeededAtMs: number;
  readonly faults: string[];
}

/** Creates one credential: its id, or undefined where the answer was that the service is away. */
type Create = (name: string, value: string) => Promise<string | undefined>;

/** A protocol, and how a caller of it creates credentials. */
interface Protocol {
  readonly name: string;
  readonly secret: (value: string) => object;
  readonly open: (coffer: CofferProcess, workspace: string) => Create;
}

/** The five dialects, the native API over REST, Connect, gRPC and gRPC-Web. */
export const protocols: readonly Protocol[] = [
  ...outageShapes.map(overHttp),
  overRpc('gRPC', grpc),
  overRpc('gRPC-Web', grpcWeb),
];

/** Lets all callers create, one credential after the other, until they are stopped. */
export function startLoad(parts: {
  readonly coffer: CofferProcess;
  readonly workspace: string;
  readonly told: ReadonlyMap<string, Told>;
}) {
  const { coffer, told, workspace } = parts;
  let isOver = false;
  const watching = new Set<() => void>();
  const run = async ({ name: protocol, open, secret }: Protocol) => {
    const create = open(coffer, workspace);
    const one = told.get(protocol) ?? newTold();
    while (!isOver) {
      const name = `${protocol} ${randomBytes(9).toString('hex')}`;
      const value = randomBytes(18).toString('base64url');
      try {
        const id = await create(name, value);
        if (id === undefined) one.unknown.add(name);
        else one.acknowledged.set(shortIdOf(id), { name, secret: secret(value) });
        if (id !== undefined) one.succeededAtMs = performance.now();
      } catch (error) {
        one.faults.push(String(error));
        isOver = true;
      }
      for (const look of watching) look();
    }
  };
  const running = protocols.flatMap((protocol) => Array.from({ length: callersOfEach }, () => run(protocol)));
  return {
    /** Resolves once the callers of every protocol got that many answers, or one of them a wrong one. */
    until: (isEnough: (one: Told) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!isOver && ![...told.values()].every(isEnough)) return;
          watching.delete(look);
          resolve();
        };
        watching.add(look);
      }),
    stop: async () => {
      isOver = true;
      await Promise.all(running);
    },
  };
}

function overHttp(shape: OutageShape): Protocol {
  return {
    name: shape.protocol,
    secret: shape.secret,
    open: ({ origin, adminToken }, workspace) => {
      const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
      return async (name, value) => {
        const body = JSON.stringify(shape.body(name, value));
        const response = await fetch(origin + shape.path(workspace), { method: 'POST', headers, body });
        const answer = parseObject(await response.text());
        if (response.ok) return shape.id(answer);
        expect(response.status).to.equal(503);
        expect(constantPart(answer, shape)).to.deep.equal(shape.outage);
        return undefined;
      };
    },
  };
}

function overRpc(name: string, connect: Connect): Protocol {
  return {
    name,
    secret: (value) => ({ payload: value }),
    open: ({ origin, adminToken }) => {
      const client = connect(origin, adminToken);
      return async (display, value) => {
        const outcome = await outcomeOf(client.create({ name: display, value }));
        if ('answer' in outcome) return outcome.answer.id;
        expect(outcome.refusal).to.equal('unavailable');
        return undefined;
      };
    },
  };
}

/** Of callers who have not called yet. */
export function newTold(): Told {
  return { acknowledged: new Map(), unknown: new Set(), succeededAtMs: 0, faults: [] };
}

/** The spelling that all protocols can be held against: MiniFlow has no other one. */
function shortIdOf(id: string): string {
  return id.startsWith('CRD-') ? id : `CRD-${id.replaceAll('-', '').slice(16).toUpperCase()}`;
}
