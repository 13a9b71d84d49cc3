/* eslint-disable no-console -- it reports to a terminal */
import { setTimeout as delay } from 'node:timers/promises';
import { allEndpoints, type Endpoint } from '../hostile/endpoints.ts';
import { HostileSender, type HostileAnswer } from '../hostile/senders.ts';
import { createFindings, type Findings } from './findings.ts';
import { startFuzzedServer, type FuzzedServer } from './fuzzed-server.ts';
import { randomRequest, type RandomRequest } from './random-requests.ts';
import { createWorld } from './world.ts';

/** How many requests are made, from which seed, and how many at a time. */
interface Options {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
  /** The longest that a request may hold the event loop, in milliseconds. */
  readonly heldMsMax: number;
}

/** After so many requests, they are about another workspace. */
const requestsPerWorld = 5_000;
/** Before memory is measured first: what is compiled and cached once is there by then. */
const warmUpMin = 5_000;
const answerMsMax = 30_000;
/** What memory may have grown by from then on, in bytes. */
const growthMax = 32 * 1_048_576;

function readOptions(environment: NodeJS.ProcessEnv): Options {
  const number = (name: string, otherwise: number): number => Number(environment[name] ?? otherwise);
  return {
    requests: number('FUZZ_REQUESTS', 50_000),
    seed: number('FUZZ_SEED', 1),
    connections: number('FUZZ_CONNECTIONS', 8),
    heldMsMax: number('FUZZ_HELD_MS', 50),
  };
}

interface Held {
  readonly ms: number;
  /** The requests that were in flight when it was reported. */
  readonly titles: readonly string[];
}

/** Sends the requests, and answers how the longest time came about that the event loop was held. */
async function send(
  server: FuzzedServer,
  options: Options,
  parts: { readonly findings: Findings; readonly inFlight: Map<number, RandomRequest> },
): Promise<Required<Awaited<ReturnType<FuzzedServer['memory']>>>> {
  const { findings, inFlight } = parts;
  const endpoints: readonly Endpoint[] = await allEndpoints();
  const senders = Array.from({ length: options.connections }, () => new HostileSender(server.origin));
  let next = 0;
  const run = async (
    sender: HostileSender,
    end: number,
    world: Awaited<ReturnType<typeof createWorld>>,
  ): Promise<void> => {
    while (next < end && server.isRunning()) {
      const number = (next += 1);
      const sent = randomRequest(endpoints, world, options.seed, number);
      inFlight.set(number, sent);
      try {
        findings.add(number, sent, await withinTime(sender.send(sent.request)));
      } catch (error) {
        findings.addUnanswered(number, sent, error);
      }
      inFlight.delete(number);
    }
  };
  let begin: Awaited<ReturnType<FuzzedServer['memory']>> | undefined;
  while (next < options.requests && server.isRunning()) {
    const world = await createWorld(server.origin, server.adminToken, next);
    const end = Math.min(options.requests, next + requestsPerWorld);
    await Promise.all(senders.map((sender) => run(sender, end, world)));
    if (next >= Math.min(warmUpMin, options.requests)) begin ??= await server.memory();
    console.error(`${next} of ${options.requests}`);
  }
  for (const sender of senders) sender.close();
  return begin ?? server.memory();
}

async function withinTime(answer: Promise<HostileAnswer>): Promise<HostileAnswer> {
  const timer = new AbortController();
  const late = delay(answerMsMax, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${answerMsMax / 1_000} s`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

function mebibytes(bytes: number | undefined): string {
  return ((bytes ?? 0) / 1_048_576).toFixed(1);
}

async function fuzz(options: Options): Promise<boolean> {
  const inFlight = new Map<number, RandomRequest>();
  const findings = createFindings();
  let longest: Held = { ms: 0, titles: [] };
  let isMeasured = false;
  await using server = await startFuzzedServer((ms) => {
    if (!isMeasured || ms <= longest.ms) return;
    longest = { ms, titles: [...inFlight].map(([number, { title }]) => `${number} ${title}`) };
  });
  // What was measured until then is the start.
  await server.memory();
  isMeasured = true;
  const startedMs = performance.now();
  const begin = await send(server, options, { findings, inFlight });
  const seconds = (performance.now() - startedMs) / 1_000;
  isMeasured = false;
  const isAlive = server.isRunning();
  const end = isAlive ? await server.memory() : undefined;

  console.log(`${options.requests} requests in ${seconds.toFixed(0)} s, seed ${options.seed}`);
  for (const [what, count] of [...findings.counts].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    console.log(`  ${what.padEnd(24)} ${count}`);
  }
  console.log(`event loop held for at most ${longest.ms.toFixed(1)} ms, while these were in flight:`);
  for (const title of longest.titles) console.log(`  ${title}`);
  console.log(
    `heap in MiB, after a collection: ${mebibytes(begin.heap)} at the begin, ${mebibytes(end?.heap)} at the end`,
  );
  console.log(
    `resident memory in MiB: ${mebibytes(begin.resident)} at the begin, ${mebibytes(end?.resident)} at the end`,
  );
  for (const line of server.errors.slice(0, 10)) console.log(`the server logged: ${line.slice(0, 1_000)}`);
  for (const line of findings.broken) console.log(line);

  const promises: Readonly<Record<string, boolean>> = {
    'the server did not end': isAlive,
    'every request was answered, and with no 5xx but 503': findings.broken.length === 0,
    'the server logged no error': server.errors.length === 0,
    [`no request held the event loop for more than ${options.heldMsMax} ms`]: longest.ms <= options.heldMsMax,
    'memory ended where it began': end !== undefined && end.heap - begin.heap <= growthMax,
  };
  for (const [promise, isKept] of Object.entries(promises)) console.log(`${isKept ? 'kept  ' : 'BROKEN'} ${promise}`);
  return Object.values(promises).every(Boolean);
}

process.exitCode = (await fuzz(readOptions(process.env))) ? 0 : 1;
