import { expect } from 'chai';
import { pino } from 'pino';
import { Client } from 'pg';
import { logHeads } from '../../src/start/trail-watch.ts';
import type { StreamHead } from '../../src/vault/audit/audit-chain.ts';
import { startCoffer } from '../support/coffer.ts';
import { parseObject } from '../support/json.ts';

const stream = '018cc251-f400-7000-8000-00000000000a';

function recorded(head: () => StreamHead | undefined) {
  const lines: object[] = [];
  const logging = logHeads(head, { info: (fields: object) => void lines.push(fields) });
  return { lines, stop: () => logging[Symbol.dispose]() };
}

describe('the log of the head of the audit trail', () => {
  it('contains the stream and its head when the server stops, in the format that a verification expects', () => {
    const { lines, stop } = recorded(() => ({ stream, sequence: 7, mac: new Uint8Array(32).fill(0xab) }));
    stop();
    expect(lines).to.deep.equal([{ stream, head: `7:${'ab'.repeat(32)}` }]);
  });

  it('is empty where nothing was written', () => {
    const { lines, stop } = recorded(() => undefined);
    stop();
    expect(lines).to.deep.equal([]);
  });

  it('contains the same head once', () => {
    const { lines, stop } = recorded(() => ({ stream, sequence: 7, mac: new Uint8Array(32) }));
    stop();
    stop();
    expect(lines).to.have.length(1);
  });

  it('ends with the last event of a server that stops, which has the denied calls that were only counted until then', async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const coffer = await startCoffer({ log });
    const refused = [1, 2, 3].map(() =>
      fetch(`${coffer.origin}/v1/whoami`, { headers: { authorization: 'Bearer unknown' } }),
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
