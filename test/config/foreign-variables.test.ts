import { expect } from 'chai';
import { ConfigError, type Environment } from '../../src/config/config.ts';
import { readConfig } from '../../src/start/read-config.ts';

/** What Kubernetes injects for a Service named `coffer` with a named port. */
const injected = {
  COFFER_SERVICE_HOST: '10.0.0.11',
  COFFER_SERVICE_PORT: '3978',
  COFFER_SERVICE_PORT_GRPC: '3978',
  COFFER_PORT: 'tcp://10.0.0.11:3978',
  COFFER_PORT_3978_TCP: 'tcp://10.0.0.11:3978',
  COFFER_PORT_3978_TCP_PROTO: 'tcp',
  COFFER_PORT_3978_TCP_PORT: '3978',
  COFFER_PORT_3978_TCP_ADDR: '10.0.0.11',
};

const read = (environment: Environment) => readConfig(environment, () => '4000');

function problemsOf(environment: Environment): readonly string[] {
  try {
    read(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('a variable that is not meant for the server', () => {
  it('is left aside where Kubernetes injects it for a Service named coffer', () => {
    const { foreignVariables, port } = read(injected);
    expect(port).to.equal(3978);
    expect(foreignVariables).to.have.members(Object.keys(injected));
    const ipv6 = { ...injected, COFFER_SERVICE_HOST: 'fd00::b', COFFER_PORT: 'tcp://[fd00::b]:3978' };
    expect(read(ipv6).foreignVariables).to.include('COFFER_PORT');
  });

  it('is left aside for Services whose names begin with coffer-, also in the name of a setting', () => {
    const others = {
      COFFER_MANAGEMENT_SERVICE_HOST: '10.0.0.12',
      COFFER_MANAGEMENT_SERVICE_PORT: '9090',
      COFFER_MANAGEMENT_PORT: 'tcp://10.0.0.12:9090',
      COFFER_MANAGEMENT_PORT_9090_TCP_ADDR: '10.0.0.12',
    };
    const { foreignVariables, management } = read({ ...others, COFFER_RATE_LIMIT_PER_KEY: '5' });
    expect(management).to.equal(null);
    expect(foreignVariables).to.have.members(Object.keys(others));
    expect(read({ ...others, COFFER_MANAGEMENT_PORT: '9091' }).management).to.include({ port: 9091 });
  });

  it('does not keep the port from being given beside it', () => {
    expect(read({ ...injected, COFFER_PORT: '4000' })).to.include({ port: 4000 });
    expect(read({ ...injected, COFFER_PORT_FILE: '/port' })).to.include({ port: 4000 });
  });

  it('is left aside where it is a setting of a client', () => {
    const client = { COFFER_URL: 'https://vault.example', COFFER_TOKEN: 'cof_x', COFFER_WORKSPACE: 'default' };
    expect(read(client).foreignVariables).to.have.members(Object.keys(client));
  });

  const port = 'COFFER_PORT must be a whole number from 0 to 65535';
  const bad: Readonly<Record<string, string>> = {
    'a host in place of an address': 'tcp://coffer:3978',
    'an address without a port': 'tcp://10.0.0.11',
    'a port that is none': 'tcp://10.0.0.11:70000',
    'IPv6 without brackets': 'tcp://fd00::b:3978',
    'another protocol': 'udp://10.0.0.11:3978',
    'something behind the port': 'tcp://10.0.0.11:3978/',
    'a line break': 'tcp://10.0.0.11:3978\n',
    'a number that is no port': '70000',
  };
  for (const [what, value] of Object.entries(bad)) {
    it(`is an error where COFFER_PORT has ${what}`, () => {
      expect(problemsOf({ ...injected, COFFER_PORT: value })).to.deep.equal([port]);
    });
  }

  it('is an error without the host of the Service', () => {
    expect(problemsOf({ COFFER_PORT: 'tcp://10.0.0.11:3978' })).to.deep.equal([port]);
    expect(problemsOf({ COFFER_PORT: 'tcp://10.0.0.11:3978', COFFER_SERVICE_HOST: '' })).to.include(port);
    expect(problemsOf({ COFFER_SERVICE_PORT: '3978' })).to.deep.equal([
      'COFFER_SERVICE_PORT is not a variable that Coffer knows',
    ]);
    expect(problemsOf({ ...injected, COFFER_SERVICE: 'x', COFFER_PORTS: 'y' })).to.have.lengthOf(2);
  });
});
