import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import type { TlsConfig } from '../../src/config/config.ts';
import { KeyFileError } from '../../src/start/keys/key-file.ts';
import { readTls, TlsWatch } from '../../src/start/tls-files.ts';
import { createAuthority, type Identity } from '../gateway/certificates.ts';
import { startGateway, type RunningGateway } from '../gateway/library.ts';

const authority = createAuthority();
const first = authority.issue('localhost');
const second = authority.issue('localhost');

const troubleOf = (reading: Promise<unknown>): Promise<unknown> => reading.catch((error: unknown) => error);
const formatted = ({ certificate }: Identity): string => certificate.replaceAll(/\s/g, '');

describe('the TLS files', () => {
  let directory: string;
  let config: TlsConfig;

  before(async () => (directory = await mkdtemp(join(tmpdir(), 'coffer-tls-'))));
  after(() => rm(directory, { recursive: true }));
  beforeEach(async () => {
    config = { certFile: path('cert.pem'), keyFile: path('key.pem'), clientCaFile: null };
    await put(first);
  });

  const path = (name: string): string => join(directory, name);
  const put = ({ certificate, privateKey }: Identity): Promise<unknown> =>
    Promise.all([writeFile(path('cert.pem'), certificate), writeFile(path('key.pem'), privateKey)]);

  it('are read', async () => {
    expect(await readTls(config)).to.deep.equal(first);
  });

  it('must belong together', async () => {
    await writeFile(path('key.pem'), second.privateKey);
    const trouble = await troubleOf(readTls(config));
    expect(trouble).to.be.instanceOf(KeyFileError);
    expect(String(trouble)).to.include('cert.pem').and.not.to.include('-----');
  });

  const unfit: Record<string, string> = {
    'is empty': '',
    'holds no certificate': 'not a certificate',
    'holds a key': first.privateKey,
    'was cut off': `${authority.certificate}${authority.certificate.slice(0, 200)}`,
    'is damaged': authority.certificate.replace(/[A-Za-z0-9+/]{64}/, 'AAAA'),
  };
  for (const [title, text] of Object.entries(unfit)) {
    it(`are refused where the list of authorities ${title}`, async () => {
      await writeFile(path('ca.pem'), text);
      const trouble = await troubleOf(readTls({ ...config, clientCaFile: path('ca.pem') }));
      expect(trouble).to.be.instanceOf(KeyFileError);
      expect(String(trouble)).to.include('ca.pem');
    });
  }

  it('may hold several authorities, with words between them', async () => {
    const text = `# ours\n${authority.certificate}\n# theirs\n${createAuthority('Theirs').certificate}`;
    await writeFile(path('ca.pem'), text);
    expect((await readTls({ ...config, clientCaFile: path('ca.pem') })).clientAuthorities).to.equal(text);
  });

  describe('when they change', () => {
    let running: RunningGateway;
    let lines: string[];
    let watch: TlsWatch;

    beforeEach(async () => {
      lines = [];
      running = await startGateway({ tls: first });
      const tell = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
      const { gateway } = running;
      watch = new TlsWatch({
        config,
        inUse: first,
        use: (tls) => gateway.renewTls(tls),
        log: { info: tell, warn: tell },
      });
    });
    afterEach(() => running[Symbol.asyncDispose]());

    async function servedCertificate(): Promise<string> {
      const socket = connectTls({ port: running.port, host: '127.0.0.1', ca: authority.certificate });
      await once(socket, 'secureConnect');
      const served = socket.getPeerX509Certificate()?.toString() ?? '';
      socket.destroy();
      return served.replaceAll(/\s/g, '');
    }

    it('are used for new connections', async () => {
      expect(await servedCertificate()).to.equal(formatted(first));
      await put(second);
      await watch.check();
      expect(await servedCertificate()).to.equal(formatted(second));
      expect(lines).to.have.lengthOf(1);
    });

    it('are not read again while they do not', async () => {
      await put(first);
      await watch.check();
      await watch.check();
      expect(lines).to.deep.equal([]);
    });

    it('wait until the last of them is there', async () => {
      await writeFile(path('cert.pem'), second.certificate);
      await watch.check();
      expect(await servedCertificate()).to.equal(formatted(first));
      await put(second);
      await watch.check();
      expect(await servedCertificate()).to.equal(formatted(second));
    });

    it('stay in use as they were where the new ones are broken or gone, which is logged once', async () => {
      await writeFile(path('key.pem'), 'broken');
      await watch.check();
      await watch.check();
      expect(lines).to.have.lengthOf(1);
      await rm(path('key.pem'));
      await watch.check();
      await watch.check();
      expect(lines).to.have.lengthOf(2);
      expect(await servedCertificate()).to.equal(formatted(first));
      expect(lines.join()).not.to.include('-----');
    });

    it('log a failure again after it had been over', async () => {
      for (const key of ['broken', first.privateKey, 'broken']) {
        await writeFile(path('key.pem'), key);
        await watch.check();
      }
      expect(lines).to.have.lengthOf(2);
    });
  });
});
