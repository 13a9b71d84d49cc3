import { expect } from 'chai';
import { runCoffer } from '../support/coffer-process.ts';

describe('coffer demo', () => {
  it('stores through every dialect and gRPC, lists all six, reveals one, and leaves with 0', async () => {
    const { exitCode, output } = await runCoffer(['demo']);
    expect(output).to.include('"count": 6');
    expect(output).to.include('"token": "demo-grpc"');
    for (const dialect of ['flowise', 'fishnet', 'mielto', 'scale', 'miniflow', 'gRPC'])
      expect(output).to.include(`# ${dialect}`);
    expect(output).not.to.match(/cof_|fn_sess_/);
    expect(exitCode).to.equal(0);
  });
});
