import { expect } from 'chai';
import { asyncProperty, check } from 'fast-check';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { callOf, drawnCalls, groupsOf, type DrawnCall } from '../model/drawn-calls.ts';
import { callers, emptyState, type ModelCall, type ModelState, type Operation } from '../model/model-state.ts';
import { VaultDriver, type DrivenAnswer } from '../model/vault-driver.ts';
import { stepOf } from '../model/vault-model.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { suspendCoverage } from '../support/suspended-coverage.ts';

/** A longer test is `MODEL_RUNS=20000 npx mocha test/system/model.test.ts`; `MODEL_SEED` repeats one. */
const runs = Number(process.env['MODEL_RUNS'] ?? 300);
const seed = Number(process.env['MODEL_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
const callsOfRun = 40;
/** Runs under way at the same time, each with its credentials. */
const lanes = 4;

/** The simplest first: a failure is shown with as many of these as still fail. */
const weights: readonly (readonly [Operation, number])[] = [
  ['get', 3],
  ['listVersions', 2],
  ['reveal', 3],
  ['compare', 2],
  ['create', 1],
  ['previewUpdate', 1],
  ['update', 3],
  ['expire', 1],
  ['unexpire', 1],
  ['activate', 2],
  ['deactivate', 1],
  ['delete', 3],
  ['undelete', 3],
  ['addVersion', 6],
  ['restore', 3],
  ['destroy', 4],
  ['purge', 1],
];

describe('several callers on several processes', () => {
  suspendCoverage();
  const servers: TestCoffer[] = [];
  let driver: VaultDriver;
  const seen = new Set<string>();

  before(async () => {
    const first = await startCoffer();
    servers.push(first);
    servers.push(await startCoffer({ database: first.database, environment: first.environment }));
    const tokens = new Map<string, string>();
    for (const [name, { rank, mayReveal, provider }] of Object.entries(callers)) {
      const role = (['VIEWER', 'RUNTIME', 'EDITOR', 'ADMIN'] as const)[rank];
      const providers = provider === undefined ? {} : { providers: [provider] };
      tokens.set(name, await first.issueKey({ role, withoutReveal: rank === 2 && !mayReveal, ...providers }));
    }
    driver = new VaultDriver(
      servers.map(({ origin }) => origin),
      tokens,
    );
  });
  after(async () => {
    for (const server of servers) await server.stop();
  });

  it(`get the answers of the model in every interleaving, in ${runs} runs of ${callsOfRun} calls`, async function () {
    this.timeout(90_000 + runs * 1_000);
    // Shrinking a failure ends then, too.
    const timing = { interruptAfterTimeLimit: 60_000 + runs * 1_000, markInterruptAsFailure: true };
    if (runs > 300) process.stderr.write(`MODEL_SEED=${seed}\n`);
    const property = asyncProperty(drawnCalls(weights, callsOfRun), run);
    const all = Array.from({ length: lanes }, async (_, lane) =>
      check(property, { numRuns: Math.ceil(runs / lanes), seed: seed + lane, ...timing }),
    );
    for (const { failed, counterexample, errorInstance } of await Promise.all(all)) {
      if (failed)
        throw new Error(`MODEL_SEED=${seed}: ${describeCalls(counterexample?.[0] ?? [])}`, { cause: errorInstance });
    }
  });

  it('have made every kind of call, and met every kind of refusal', () => {
    for (const [operation] of weights) expect([...seen], operation).to.include(`${operation} ok`);
    const refusals =
      'PERMISSION_DENIED NOT_FOUND ETAG_STALE KEY_NARROWED CREDENTIAL_INACTIVE CREDENTIAL_EXPIRED NOT_DELETED ' +
      'VERSION_NOT_FOUND VERSION_DESTROYED VERSION_IS_CURRENT REQUEST_ID_REUSED';
    for (const reason of refusals.split(' '))
      expect(
        [...seen].some((one) => one.endsWith(` ${reason}`)),
        reason,
      ).to.equal(true);
  });

  it('leave a trail that agrees with the rows', async () => {
    const verification = await servers[0]?.native('POST', '/v1/auditTrail:verify', {});
    expect(verification).to.deep.include({ intact: true, faults: [] });
  });

  async function run(drawn: readonly DrawnCall[]): Promise<void> {
    let states: readonly ModelState[] = [emptyState];
    const requestIds = { first: randomUUID(), second: randomUUID() };
    const slots: (string | undefined)[] = [];
    for (const group of groupsOf(drawn)) {
      const calls = group.map((one) => callOf(one, { slots, requestIds, state: states[0] ?? emptyState }));
      const answers = await Promise.all(calls.map((call, index) => driver.perform(call, group[index]?.server ?? 0)));
      const explained = explain(states, calls, answers);
      if (explained.length === 0) throw new Error(describeFailure(states, calls, answers));
      states = explained;
      for (const [index, { answer, createdId }] of answers.entries()) {
        if (createdId !== undefined) slots[group[index]?.slot ?? 0] = createdId;
        seen.add(`${group[index]?.operation} ${answer.outcome}`);
      }
    }
  }
});

/** The states in which the model can be after calls that were made at the same time: after every order that explains the answers. */
function explain(
  states: readonly ModelState[],
  calls: readonly ModelCall[],
  answers: readonly DrivenAnswer[],
): readonly ModelState[] {
  const orders = permutationsOf(calls.map((_, index) => index));
  const after = new Map<string, ModelState>();
  for (const state of states) {
    for (const order of orders) {
      const reached = follow(state, order, calls, answers);
      if (reached) after.set(JSON.stringify(reached), reached);
    }
  }
  return [...after.values()];
}

function follow(
  state: ModelState,
  order: readonly number[],
  calls: readonly ModelCall[],
  answers: readonly DrivenAnswer[],
): ModelState | undefined {
  let reached = state;
  for (const index of order) {
    const [call, driven] = [calls[index], answers[index]];
    if (!call || !driven) throw new Error('a call has no answer');
    // The server may ask to try again later while an equal request is under way.
    if (driven.answer.outcome === 'REQUEST_IN_PROGRESS') continue;
    const step = stepOf(reached, call, driven.createdId);
    if (!isDeepStrictEqual(step.answer, driven.answer) || step.createdId !== driven.createdId) return undefined;
    reached = step.state;
  }
  return reached;
}

function permutationsOf(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    permutationsOf(items.filter((other) => other !== item)).map((rest) => [item].concat(rest)),
  );
}

/** The calls of a run, without those that shrinking has made the simplest. */
function describeCalls(calls: readonly DrawnCall[]): string {
  const shown = calls.filter(({ operation }, index) => operation !== 'get' || index === calls.length - 1);
  return shown.map((call) => `\n  ${JSON.stringify(call)}`).join('');
}

function describeFailure(
  [state = emptyState]: readonly ModelState[],
  calls: readonly ModelCall[],
  answers: readonly DrivenAnswer[],
): string {
  const expected = calls.map((call, index) => stepOf(state, call, answers[index]?.createdId).answer);
  const about = Object.fromEntries(calls.map(({ id }) => [id, state.credentials[id]]));
  return `no order of the calls explains the answers: ${JSON.stringify({ about, calls, answers, expected }, null, 1)}`;
}
