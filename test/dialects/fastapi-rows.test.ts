import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

const secretText = 'never-to-be-shown';

/** How one of the dialects is asked for a fault of a kind. */
interface Sample {
  readonly path: string;
  readonly valid: Readonly<Record<string, unknown>>;
  /** A required text, its greatest length, and the member that holds the secret. */
  readonly text: string;
  readonly charactersMax: number;
  readonly secret: string;
  readonly limitMax: number;
  /** A member or parameter that is an enum, and how its values are spelt. */
  readonly object: string;
}

const samples: Readonly<Record<string, Sample>> = {
  mielto: {
    path: '/mielto/api/v1/credentials',
    valid: {
      label: 'l',
      auth_type: 'api_key',
      credential_scope: 'workspace',
      credentials: { api_key: secretText, nested: { list: [secretText] } },
    },
    text: 'label',
    charactersMax: 100,
    secret: 'credentials',
    limitMax: 1_000,
    object: 'credentials',
  },
  scale: {
    path: '/v5/credentials',
    valid: { type: 'key', name: 'n', payload: secretText },
    text: 'name',
    charactersMax: 255,
    secret: 'payload',
    limitMax: 10_000,
    object: 'credential_metadata',
  },
};

describe('a FastAPI body over HTTP', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;

  before(async () => {
    coffer = await startCoffer();
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  async function faultsOf(request: RestCall): Promise<unknown> {
    const reply = await call({ token, ...request });
    expect(reply.status, reply.text).to.equal(422);
    expect(reply.text).to.not.include(secretText);
    expect(reply.body).to.have.all.keys('detail');
    return memberOf(parseObject(reply.text), 'detail');
  }

  for (const [dialect, sample] of Object.entries(samples)) {
    const { path, valid, text, charactersMax, secret, limitMax, object } = sample;
    const post = (body: unknown, headers = {}): RestCall => ({ method: 'POST', path, body, headers });
    const redacted = { ...valid, [secret]: '[redacted]' };

    describe(`of ${dialect}`, () => {
      it('missing field: missing, with the whole body as its input, the secret redacted', async () => {
        const { [text]: _omitted, ...body } = valid;
        const { [text]: _hidden, ...input } = redacted;
        expect(await faultsOf(post(body))).to.deep.equal([
          { type: 'missing', loc: ['body', text], msg: 'Field required', input },
        ]);
      });

      it('missing field: what stands under a misspelt name is redacted, too', async () => {
        const { [secret]: value, ...body } = valid;
        expect(await faultsOf(post({ ...body, [`${secret}s`]: value }))).to.deep.equal([
          {
            type: 'missing',
            loc: ['body', secret],
            msg: 'Field required',
            input: { ...body, [`${secret}s`]: '[redacted]' },
          },
        ]);
      });

      it('empty with a minimum of 1: string_too_short', async () => {
        expect(await faultsOf(post({ ...valid, [text]: '' }))).to.deep.equal([
          {
            type: 'string_too_short',
            loc: ['body', text],
            msg: 'String should have at least 1 character',
            input: '',
            ctx: { min_length: 1 },
          },
        ]);
      });

      it('too long: string_too_long', async () => {
        const input = 'x'.repeat(charactersMax + 1);
        expect(await faultsOf(post({ ...valid, [text]: input }))).to.deep.equal([
          {
            type: 'string_too_long',
            loc: ['body', text],
            msg: `String should have at most ${charactersMax} characters`,
            input,
            ctx: { max_length: charactersMax },
          },
        ]);
      });

      for (const input of [5, true, null, ['x'], { x: 'y' }]) {
        it(`not a string: string_type for ${JSON.stringify(input)}`, async () => {
          expect(await faultsOf(post({ ...valid, [text]: input }))).to.deep.equal([
            { type: 'string_type', loc: ['body', text], msg: 'Input should be a valid string', input },
          ]);
        });
      }

      for (const value of ['x', 5, ['x']]) {
        it(`not an object: dict_type for ${JSON.stringify(value)}`, async () => {
          expect(await faultsOf(post({ ...valid, [object]: value }))).to.deep.equal([
            {
              type: 'dict_type',
              loc: ['body', object],
              msg: 'Input should be a valid dictionary',
              input: object === secret ? '[redacted]' : value,
            },
          ]);
        });
      }

      it('no body, empty body or null: missing', async () => {
        for (const body of [undefined, '', '  ', 'null']) {
          const headers = { 'content-type': 'application/json' };
          expect(await faultsOf(post(body, headers)), String(body)).to.deep.equal([
            { type: 'missing', loc: ['body'], msg: 'Field required', input: null },
          ]);
        }
      });

      it('bad JSON: json_invalid, with the offset where it stops, and nothing of it', async () => {
        expect(await faultsOf(post(`{"${text}": ${secretText}}`))).to.deep.equal([
          {
            type: 'json_invalid',
            loc: ['body', text.length + 5],
            msg: 'JSON decode error',
            input: {},
            ctx: { error: 'Expecting value' },
          },
        ]);
      });

      const noObject = {
        type: 'model_attributes_type',
        loc: ['body'],
        msg: 'Input should be a valid dictionary or object to extract fields from',
        input: '[redacted]',
      };
      it('JSON array: model_attributes_type', async () => {
        expect(await faultsOf(post([secretText]))).to.deep.equal([noObject]);
      });

      it('another content type: model_attributes_type', async () => {
        const headers = { 'content-type': 'text/plain' };
        expect(await faultsOf(post(JSON.stringify(valid), headers))).to.deep.equal([noObject]);
      });

      it('query number: int_parsing, greater_than_equal and less_than_equal, with the raw string as its input', async () => {
        const faults = {
          ten: {
            type: 'int_parsing',
            msg: 'Input should be a valid integer, unable to parse string as an integer',
          },
          '0': { type: 'greater_than_equal', msg: 'Input should be greater than or equal to 1', ctx: { ge: 1 } },
          [limitMax + 1]: {
            type: 'less_than_equal',
            msg: `Input should be less than or equal to ${limitMax}`,
            ctx: { le: limitMax },
          },
        };
        for (const [input, fault] of Object.entries(faults)) {
          expect(await faultsOf({ path: `${path}?limit=${input}` })).to.deep.equal([
            { loc: ['query', 'limit'], input, ...fault },
          ]);
        }
      });

      it('input never holds a secret, whatever else is wrong, at any depth', async () => {
        for (const value of [secretText, [secretText], { a: [{ b: secretText }] }, 5]) {
          const faults = await faultsOf(post({ [secret]: value, other: { deep: secretText } }));
          expect(faults).to.be.an('array').with.lengthOf.at.least(2);
        }
      });
    });
  }

  it('not in the enum: enum, with its names as a sentence (mielto)', async () => {
    const { path, valid } = samples['mielto'] ?? expect.fail();
    const types = "'integration', 'llm', 'storage', 'vector_store', 'auth_provider' or 'custom'";
    expect(await faultsOf({ method: 'POST', path, body: { ...valid, credential_type: 'LLM' } })).to.deep.equal([
      {
        type: 'enum',
        loc: ['body', 'credential_type'],
        msg: `Input should be ${types}`,
        input: 'LLM',
        ctx: { expected: types },
      },
    ]);
  });

  it('not in the enum: enum, in the query as well (scale)', async () => {
    expect(await faultsOf({ path: '/v5/credentials?sort_order=ASC' })).to.deep.equal([
      {
        type: 'enum',
        loc: ['query', 'sort_order'],
        msg: "Input should be 'asc' or 'desc'",
        input: 'ASC',
        ctx: { expected: "'asc' or 'desc'" },
      },
    ]);
  });

  it('one entry a fault, in model order, however the body is ordered (mielto)', async () => {
    const body = { user_id: 1, provider: 2, credentials: secretText, credential_type: 'x', auth_type: 'y', label: '' };
    const faults = await faultsOf({ method: 'POST', path: '/mielto/api/v1/credentials', body });
    expect(summaryOf(faults)).to.deep.equal([
      'string_too_short label',
      'enum auth_type',
      'enum credential_type',
      'missing credential_scope',
      'string_type provider',
      'string_type user_id',
      'dict_type credentials',
    ]);
  });

  it('one entry a fault, in model order, however the query is ordered (scale)', async () => {
    const faults = await faultsOf({ path: '/v5/credentials?sort_order=x&sort_by=y&limit=z' });
    expect(summaryOf(faults)).to.deep.equal(['int_parsing limit', 'enum sort_by', 'enum sort_order']);
  });
});

/** Each fault's type and member. */
function summaryOf(faults: unknown): string[] {
  if (!Array.isArray(faults)) throw new Error('no list of faults');
  return faults.map((fault) => {
    const loc = memberOf(fault, 'loc');
    return `${textOf(fault, 'type')} ${Array.isArray(loc) ? loc.slice(1).join('.') : ''}`;
  });
}
