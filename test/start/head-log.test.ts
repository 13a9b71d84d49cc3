import { expect } from 'chai';
import { pino } from 'pino';
import { Client } from 'pg';
import { logHeads } from '../../src/start/head-log.ts';
import type { StreamHead } from '../../src/vault/audit/audit-chain.ts';
import { startCoffer } from '../support/coffer.ts';
import { parseObject } from '../support/json.ts';

const stream = '018cc251-f400-7000-8000-00000000000a';

function recorded(head: () => StreamHead | undefined) {
  const lines: object[] = [];
  return { lines, stop: logHeads(head, { info: (fields: object) => void lines.push(fields) }) };
}

describe('the log of how far the audit trail has come', () => {
  it('has the stream and its head when it stops, as they are to be expected later', () => {
    const { lines, stop } = recorded(() => ({ stream, sequence: 7, mac: new Uint8Array(32).fill(0xab) }));
    stop();
    expect(lines).to.deep.equal([{ stream, head: `7:${'ab'.repeat(32)}` }]);
  });

  it('says nothing where nothing was written', () => {
    const { lines, stop } = recorded(() => undefined);
    stop();
    expect(lines).to.deep.equal([]);
  });

  it('says the same head once', () => {
    const { lines, stop } = recorded(() => ({ stream, sequence: 7, mac: new Uint8Array(32) }));
    stop();
    stop();
    expect(lines).to.have.length(1);
  });

  it('ends with the very last event of a Coffer that stops: the refused calls that were only counted until then', async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const coffer = await startCoffer({ log });
    const refused = [1, 2, 3].map(() =>
      fetch(`${coffer.origin}/v1/whoami`, { headers: { authorization: 'Bearer nobody' } }),
    );
    for (const { status } of await Promise.all(refused)) expect(status).to.equal(401);
    await coffer.stop();
    const superuser = new Client(coffer.database.connection);
    await superuser.connect();
    const { rows } = await superuser.query(
      `select action, count, outcome, stream, seq || ':' || encode(mac, 'hex') as head from audit_event order by seq`,
    );
    await superuser.end();
    const last: { stream: string; head: string } = rows.at(-1);
    expect(last).to.include({ action: 'access.refused', count: 3, outcome: 'DENIED' });
    const heads = lines.map(parseObject).filter((line) => 'head' in line);
    expect(heads.at(-1)).to.include({ stream: last.stream, head: last.head });
  });
});
