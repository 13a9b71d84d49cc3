import { expect } from 'chai';
import { ExposedInspectorError, refuseExposedInspector } from '../../src/start/exposed-inspector.ts';

function refuse(parameters: readonly string[], options?: string, url?: string): () => void {
  return () => refuseExposedInspector({ parameters, options, url });
}

describe('the inspector of Node', () => {
  const flags = ['--inspect', '--inspect-brk', '--inspect-wait', '--inspect-port', '--debug-port', '--inspect_brk'];
  const exposed = ['0.0.0.0', '0.0.0.0:9229', '[::]:9229', '::', '[::]', '192.0.2.1:1', 'vault.example.com', ':::9229'];
  const closed = [
    '',
    '9229',
    '0',
    '127.0.0.1',
    '127.0.0.1:9229',
    'localhost',
    'LOCALHOST:0',
    '[::1]:9229',
    '127.9.9.9:1',
  ];

  for (const flag of flags) {
    for (const value of exposed) {
      it(`is refused by ${flag}=${value}`, () => {
        expect(refuse(['--max-semi-space-size=8', `${flag}=${value}`])).to.throw(ExposedInspectorError, 'loopback');
        expect(refuse([], `--no-warnings  ${flag}=${value} --enable-source-maps`)).to.throw('NODE_OPTIONS');
        expect(refuse([], `"${flag}=${value}"`)).to.throw('NODE_OPTIONS');
      });
    }
    it(`is let be by ${flag} on a loopback address`, () => {
      expect(refuse([flag])).not.to.throw();
      for (const value of closed) expect(refuse([`${flag}=${value}`], `${flag}=${value}`)).not.to.throw();
    });
  }

  it('is refused by a value in a separate parameter', () => {
    expect(refuse(['--inspect-port', '0.0.0.0:9229'])).to.throw('--inspect-port in the command line');
    expect(refuse([], '--inspect-port 0.0.0.0')).to.throw('--inspect-port in NODE_OPTIONS');
    expect(refuse(['--inspect-port', '9229', '--inspect'])).not.to.throw();
    expect(refuse(['--inspect', '0.0.0.0'])).not.to.throw();
  });

  it('is refused where it listens already for others, by whatever setting', () => {
    for (const host of ['0.0.0.0', '[::]', '192.0.2.1']) {
      expect(refuse([], undefined, `ws://${host}:9229/id`), host).to.throw(ExposedInspectorError);
    }
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
      expect(refuse([], undefined, `ws://${host}:9229/id`), host).not.to.throw();
    }
  });

  it('is no matter of other flags', () => {
    expect(refuse(['--inspector=0.0.0.0', '--title=--inspect=0.0.0.0', 'inspect=0.0.0.0'])).not.to.throw();
  });
});
