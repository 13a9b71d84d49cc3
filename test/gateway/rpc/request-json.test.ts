import { ConnectError } from '@connectrpc/connect';
import { expect } from 'chai';
import { createRequestJson } from '../../../src/gateway/rpc/request-json.ts';
import { EverythingSchema } from '../gen/example/v1/example_pb.ts';

const requestJson = createRequestJson(EverythingSchema);
const read = (value: unknown) => requestJson.parse(Buffer.from(JSON.stringify(value)));
const digits = '1'.repeat(41);

describe('the JSON of a request of Connect', () => {
  for (const [field, value] of Object.entries({
    sint64_field: digits,
    uint64Field: digits,
    optional_field: `-${digits}`,
    list_field: ['1', digits],
    string_map: { a: '1', b: digits },
    int64_wrapper: digits,
    chosen_number: digits,
    chosen_wrapper: ' '.repeat(41),
  })) {
    it(`is refused before so many digits are converted: ${field}`, () => {
      const name = field.replace('uint64Field', 'uint64_field');
      expect(() => read({ [field]: value })).to.throw(ConnectError, `${name} must be an integer of 64 bits`);
    });
  }

  it('may have as many digits as an integer of 64 bits, and any number of them where a field is a text', () => {
    const json = { uint64_field: '18446744073709551615', list_field: ['-9223372036854775808'], string_field: digits };
    expect(read(json)).to.deep.equal(json);
  });
});
