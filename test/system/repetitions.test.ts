import { expect } from 'chai';
import { Client } from 'pg';
import { allBoundRpcs, nameOfRpc } from '../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { createDice, type Dice } from '../support/dice.ts';
import { sendKeyed, type KeyedCall, type KeyedReply } from '../support/keyed-requests.ts';
import { mutationSamples } from '../support/mutation-samples.ts';

const runs = Number(process.env['COFFER_TEST_REPETITION_RUNS'] ?? 300);

/** Users are hashed slowly, and workspaces change what others may do. */
const slow = /(?:CreateUser|DeactivateUser|AddMember|RemoveMember|Workspace)$/;
/** Of reports of leaks, there may be ten a minute. */
const rpcs = allBoundRpcs()
  .filter(({ rpc: { method } }) => nameOfRpc(method) in mutationSamples && method.name !== 'ReportLeak')
  .map(({ rpc: { method } }) => ({ name: nameOfRpc(method), path: `/${method.parent.typeName}/${method.name}` }));

/** Everything that calls change, but not when something was used. */
const stateOfDatabase = `
  select md5(concat_ws('|',
    (select string_agg(concat_ws(',', id, name, revision, current_version, is_active, deleted_at, purged_at, mac), ';' order by id)
       from credential),
    (select string_agg(concat_ws(',', credential_id, version, state, sealed), ';' order by credential_id, version)
       from credential_version),
    (select string_agg(concat_ws(',', id, revoked_at), ';' order by id) from api_key),
    (select string_agg(concat_ws(',', id, name, deactivated_at), ';' order by id) from "user"),
    (select string_agg(concat_ws(',', workspace_id, user_id, role), ';' order by workspace_id, user_id) from membership),
    (select string_agg(concat_ws(',', id, deleted_at), ';' order by id) from workspace),
    (select count(*) from audit_event))) as state`;

describe('any repetition under a request id', () => {
  let coffer: TestCoffer;
  let neighbour: TestCoffer;
  let client: Client;

  before(async () => {
    coffer = await startCoffer();
    neighbour = await startCoffer({ database: coffer.database, environment: coffer.environment });
    client = new Client(coffer.database.connection);
    await client.connect();
  });
  after(async () => {
    await client.end();
    await neighbour.stop();
    await coffer.stop();
  });

  const state = async (): Promise<unknown> => (await client.query(stateOfDatabase)).rows[0];

  it(`changes nothing, whatever happened since, in ${runs} random runs on two processes`, async () => {
    for (let run = 0; run < runs; run += 1) {
      const dice = createDice(run);
      const { name, path } = dice.pick(rpcs.filter((rpc) => run % 10 === 0 || !slow.test(rpc.name)));
      const body = await mutationSamples[name]?.(coffer);
      await waitForGrant(body?.['destination_workspace_id']);
      await repeat(dice, `run ${run} of ${name}`, { method: 'POST', path, body, key: `run ${run}` });
    }
  }).timeout(60_000 + runs * 200);

  /** Another process may know grants from up to a second ago. Only `whoami` is never denied: a denial would be an event. */
  async function waitForGrant(workspaceId: unknown): Promise<void> {
    if (typeof workspaceId !== 'string') return;
    for (let text = ''; !text.includes(workspaceId);) ({ text } = await sendKeyed(neighbour, { path: '/v1/whoami' }));
  }

  async function repeat(dice: Dice, title: string, call: KeyedCall): Promise<void> {
    const send = (): Promise<KeyedReply> => sendKeyed(dice.pick([coffer, neighbour]), call);
    const first = await Promise.all(Array.from({ length: 1 + dice.below(3) }, send));
    const made = first.filter(({ isReplayed }) => !isReplayed);
    expect([made.length, made[0]?.status], `${title}: ${first[0]?.text}`).to.deep.equal([1, 200]);
    await change(dice, made[0]?.text ?? '');
    const before = await state();
    const again = [await send(), ...(await Promise.all([send(), send()]))];
    expect(await state(), title).to.deep.equal(before);
    for (const reply of [...first, ...again].filter(({ isReplayed }) => isReplayed)) {
      expect(reply.status, title).to.equal(200);
      if (!/Batch|flowise|ApiKey$/.test(title)) expect(reply.text, title).to.equal(made[0]?.text);
    }
    expect(again.map(({ isReplayed }) => isReplayed)).to.deep.equal([true, true, true]);
  }

  /** Changes what the first answer shows, in one of several ways, as far as that is possible. */
  async function change(dice: Dice, answer: string): Promise<void> {
    const id = /"id":"([0-9a-f-]{36})"/.exec(answer)?.[1];
    const changes: readonly KeyedCall[] = [
      { method: 'PATCH', path: '', body: { description: 'changed' } },
      { method: 'POST', path: ':deactivate' },
      { method: 'POST', path: '/versions', body: { secret: { other: 'value' } } },
      { method: 'DELETE', path: '' },
      { method: 'POST', path: ':purge' },
    ];
    for (const one of changes.slice(0, dice.below(changes.length + 1))) {
      const path = `/v1/workspaces/default/credentials/${id ?? 'absent'}${one.path}`;
      await sendKeyed(coffer, { ...one, path });
    }
  }
});
