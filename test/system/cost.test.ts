import { expect } from 'chai';
import type { JsonValue } from '../../src/vault/json.ts';
import { allEndpoints, type Endpoint, type RequestParts } from '../hostile/endpoints.ts';
import { hostileBinary } from '../hostile/hostile-binary.ts';
import { hostileHeaders, hostileQueries, hostileSegments } from '../hostile/hostile-heads.ts';
import { hostileJson } from '../hostile/hostile-json.ts';
import { HostileSender, type HostileAnswer, type HostileRequest } from '../hostile/senders.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { absentThings } from '../support/matrix-requests.ts';
import { textOf } from '../support/json.ts';
import { suspendCoverage } from '../support/suspended-coverage.ts';

/** Each is four times the one before, and the greatest is a request that is served. */
const bodySizes = [8_192, 32_768, 131_072] as const;
const publicBodySizes = [1_000, 4_000, 16_000] as const;
const headSizes = [900, 3_600, 14_400] as const;
type Sizes = readonly [small: number, middle: number, large: number];

/** How much the cost may grow where the size grows fourfold. */
const growthMax = 8;
/** What takes less processor time than that is not judged: most of it does not depend upon the size. */
const floorMs = 30;
const rounds = 5;
/** One measurement is enough where the cost grows less than that: what is compared pairwise grows sixteenfold. */
const clearGrowthMax = 6;

/** What may be sent for a size, if anything. */
type Make = (bytes: number) => Partial<RequestParts> | undefined;

/** Verification reads the whole trail, which the others make longer. */
const isVerification = ({ one }: Endpoint): boolean => one.rpc.method.name === 'VerifyAuditTrail';
const all = await allEndpoints();
const endpoints = [...all.filter(isVerification), ...all.filter((endpoint) => !isVerification(endpoint))];

describe('the cost of a request', function () {
  this.timeout(120_000);
  suspendCoverage();
  let coffer: TestCoffer;
  let sender: HostileSender;
  let made = 0;

  before(async () => {
    coffer = await startCoffer();
    sender = new HostileSender(coffer.origin);
  });

  after(async () => {
    sender.close();
    await coffer.stop();
  });

  for (const endpoint of endpoints) {
    it(`grows no faster than its size, and so does its answer: ${endpoint.title}`, async () => {
      const known = await knownValues();
      for (const [title, sizes, make] of casesOf(endpoint, known)) {
        await judge(title, sizes, (bytes) => {
          const parts = make(bytes);
          return parts && endpoint.request({ known, token: coffer.adminToken, ...parts });
        });
      }
    });
  }

  /** With a credential of its own, since some endpoints delete it. */
  async function knownValues(): Promise<Readonly<Record<string, JsonValue>>> {
    const name = `cost ${(made += 1)}`;
    const credential = { name, provider: 'OPENAI' };
    const body = { credential, secret: { api_key: 'sk-1' } };
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', body);
    const id = textOf(created, 'credential', 'id');
    return {
      ...absentThings,
      workspace_id: coffer.defaultWorkspaceShortId,
      credential_id: id,
      id,
      name,
    };
  }

  async function judge(
    title: string,
    [small, middle, large]: Sizes,
    make: (bytes: number) => HostileRequest | undefined,
  ): Promise<void> {
    const greatest = make(large);
    if (!greatest) return;
    const first = await measure(greatest);
    expectBounded(title, first.answer);
    if (first.cpuMs < floorMs || first.cpuMs < clearGrowthMax * (await measureOne(make(middle)))) return;
    const [ofMiddle, ofLarge] = [await medianOf(make(middle)), await medianOf(greatest)];
    expectGrowth(title, ofMiddle, ofLarge);
    if (ofMiddle >= floorMs) expectGrowth(title, await medianOf(make(small)), ofMiddle);
  }

  async function measureOne(request: HostileRequest | undefined): Promise<number> {
    if (!request) throw new Error('there is no such request');
    return (await measure(request)).cpuMs;
  }

  async function medianOf(request: HostileRequest | undefined): Promise<number> {
    const costs: number[] = [];
    for (let round = 0; round < rounds; round += 1) costs.push(await measureOne(request));
    return costs.toSorted((left, right) => left - right)[Math.floor(rounds / 2)] ?? 0;
  }

  /** The processor time of the whole process: what the sender takes of it is in proportion to the size. */
  async function measure(request: HostileRequest): Promise<{ readonly cpuMs: number; readonly answer: HostileAnswer }> {
    const before = process.cpuUsage();
    const answer = await sender.send(request);
    const { user, system } = process.cpuUsage(before);
    return { cpuMs: (user + system) / 1_000, answer };
  }
});

function expectGrowth(title: string, fromMs: number, toMs: number): void {
  if (toMs < floorMs) return;
  // Less than the floor mostly does not depend on the size, and garbage is collected at some point between the two.
  const judgedMs = Math.max(fromMs, floorMs / 2);
  expect(toMs / judgedMs, `${title}: from ${fromMs} to ${toMs} ms`).to.be.at.most(growthMax);
}

function expectBounded(title: string, { bytesIn, bytesOut, status, text }: HostileAnswer): void {
  expect(bytesOut, `${title}: bytes out for ${bytesIn} bytes in`).to.be.at.most(65_536 + 16 * bytesIn);
  expect(status, `${title}: ${text}`).to.satisfy((code: number) => code < 500 || code === 503);
}

type Case = readonly [title: string, sizes: Sizes, make: Make];

function casesOf(endpoint: Endpoint, known: Readonly<Record<string, JsonValue>>): Case[] {
  return [...bodyCases(endpoint, known), ...headCases(endpoint)];
}

function bodyCases({ one, message, format }: Endpoint, known: Readonly<Record<string, JsonValue>>): Case[] {
  if (!message) return [];
  const sizes: Sizes = one.rpc.access.kind === 'public' ? publicBodySizes : bodySizes;
  const bodies = format === 'json' ? hostileJson(message, known) : hostileBinary(message, known);
  return Object.entries(bodies).map(([title, make]): Case => {
    const withBody: Make = (bytes) => {
      const body = make(bytes);
      return body === undefined ? undefined : { body };
    };
    return [title, sizes, withBody];
  });
}

function headCases({ isRest, parameters, variables }: Endpoint): Case[] {
  const queries = Object.entries(isRest ? hostileQueries(parameters) : {}).flatMap(([title, make]): Case[] => [
    [`${title} in the query`, headSizes, (bytes) => ({ query: make(bytes) })],
    [`${title} in the query, without authentication`, headSizes, (bytes) => ({ query: make(bytes), token: undefined })],
  ]);
  const segments = variables.flatMap((name) =>
    Object.entries(hostileSegments).map(([title, make]): Case => [
      `${title} for ${name}`,
      headSizes,
      (bytes) => ({ segment: [name, make(bytes)] }),
    ]),
  );
  const headers = Object.entries(hostileHeaders).map(([title, make]): Case => [
    title,
    headSizes,
    (bytes) => ({ headers: make(bytes) }),
  ]);
  return [...queries, ...segments, ...headers];
}
