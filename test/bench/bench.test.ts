import { expect } from 'chai';
import { sharedPostgres } from '../support/postgres.ts';
import { judge } from './goals.ts';
import { choose, parseOptions } from './options.ts';
import { render, reportOf, type Report } from './report.ts';
import { runRounds, type Lane } from './rounds.ts';
import { checkAnswer, scenarios, type Scenario } from './scenarios.ts';
import { quantile, spreadOf } from './statistics.ts';

describe('the benchmark', () => {
  describe('a short run', () => {
    let report: Report;

    before(async () => {
      const options = { rounds: 1, seconds: 0.05 };
      const lanes = await runRounds({ ...options, scenarios, connections: [2], postgres: await sharedPostgres() });
      report = reportOf({ lanes, starts: undefined }, options);
    });

    it('has a turn of every scenario in every round', () => {
      expect(report.lanes.map(({ scenario }) => scenario)).to.deep.equal(scenarios.map(({ name }) => name));
      expect(report.lanes.map(({ turns }) => turns.length)).to.deep.equal(scenarios.map(() => 1));
    });

    it('measures requests, latencies and the use of the processor in each', () => {
      for (const turn of report.lanes.flatMap(({ turns }) => turns)) {
        expect(turn.requests).to.be.at.least(2);
        expect(turn.perSecond).to.be.greaterThan(0);
        expect(turn.p99Ms).to.be.at.least(turn.p50Ms);
        expect(turn).to.have.all.keys([
          'requests',
          'perSecond',
          'p50Ms',
          'p99Ms',
          'cpuMicrosPerRequest',
          'residentMiB',
          'driverShare',
        ]);
      }
    });

    it('is written as JSON that holds no token and no secret', () => {
      const text = JSON.stringify(report);
      expect(JSON.parse(text)).to.deep.equal(report);
      expect(text).not.to.match(/cof_|sk-/);
    });

    it('shows each scenario in the table', () => {
      const text = render(report);
      for (const { name } of scenarios) expect(text).to.include(`| ${name} `);
    });
  });

  it('compares the rounds of Coffer and its floor one by one', () => {
    const lanes = [lane('REST create', [100, 300, 200]), lane('F1 create', [200, 200, 200])];
    const [create] = judge({ lanes, starts: undefined });
    expect(create).to.deep.include({ limit: 1, isReached: true, measured: { median: 1, least: 0.5, most: 1.5 } });
  });

  it('says that a goal is missed', () => {
    const lanes = [lane('REST reveal', [70]), lane('F1 read', [100])];
    expect(judge({ lanes, starts: undefined })[0]).to.deep.include({ limit: 0.75, isReached: false });
  });

  it('judges only what was measured', () => {
    expect(judge({ lanes: [lane('REST create', [100])], starts: undefined }).map(({ goal }) => goal)).to.deep.equal([
      'REST create / Flowise, as measured once',
    ]);
  });

  it('takes the floors and the seeds along with the scenarios that it is asked for', () => {
    expect(choose(['rest reveal']).map(({ name }) => name)).to.deep.equal([
      'F1 create',
      'REST create',
      'F1 read',
      'REST reveal',
    ]);
  });

  it('measures nothing but starts where only these are asked for', () => {
    expect(parseOptions(['--only', 'start'])).to.deep.include({ scenarios: [], start: true });
  });

  for (const parameters of [
    ['--rounds', '0'],
    ['--seconds', 'x'],
    ['--connections', ''],
    ['--only', 'nothing'],
  ]) {
    it(`refuses ${parameters.join(' ')}`, () => {
      expect(() => parseOptions(parameters)).to.throw(parameters[0] ?? '');
    });
  }

  it('refuses an answer that lacks the secret that it should hold', () => {
    expect(() => checkAnswer(scenarioNamed('REST reveal'), Buffer.from('{}'))).to.throw('lacks the secret');
    expect(() => checkAnswer(scenarioNamed('REST describe'), Buffer.from('{}'))).not.to.throw();
  });

  it('takes quantiles between two values where they fall there', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).to.equal(2.5);
    expect(quantile([7], 0.99)).to.equal(7);
    expect(spreadOf([3, 1, 2])).to.deep.equal({ median: 2, least: 1, most: 3 });
  });
});

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

function lane(scenario: string, rates: readonly number[]): Lane {
  const turns = rates.map((perSecond) => {
    const unknown = { cpuMicrosPerRequest: null, residentMiB: null };
    return { requests: 1, perSecond, p50Ms: Number.NaN, p99Ms: Number.NaN, driverShare: 0, ...unknown };
  });
  return { scenario, server: 'Coffer', connections: 32, turns };
}
