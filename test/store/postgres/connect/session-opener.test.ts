import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { endClient, SessionOpener } from '../../../../src/store/postgres/connect/session-opener.ts';
import { explainError } from '../../../../src/start/explain-error.ts';
import { createAuthority, type IssueOptions } from '../../../gateway/certificates.ts';
import { freePort, startPostgresServer, type PostgresServer } from '../../../support/postgres-server.ts';
import { rejectionOf } from '../../../support/refusals.ts';

/** Where a session was opened, and whether it is encrypted. */
interface Opened {
  readonly port: number;
  readonly isEncrypted: boolean;
}

describe('opening sessions at a database', () => {
  const authority = createAuthority();
  let folder: string;
  let authorityFile: string;
  /** Encrypts, and lets its user `reader` write nothing. */
  let tls: PostgresServer;
  /** Does not encrypt. */
  let plain: PostgresServer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-sessions-'));
    authorityFile = join(folder, 'authority.pem');
    await writeFile(authorityFile, authority.certificate);
    const { certificate, privateKey } = authority.issue('localhost');
    const files = { 'server.crt': certificate, 'server.key': privateKey, 'authority.crt': authority.certificate };
    const access = [
      'local all all trust',
      'hostssl all plain all reject',
      'hostnossl all encrypted all reject',
      'hostssl all certified all cert',
      'host all all all trust',
    ];
    const settings = ['ssl = on', `ssl_ca_file = 'authority.crt'`];
    [tls, plain] = await Promise.all([startPostgresServer({ files, access, settings }), startPostgresServer()]);
    for (const server of [tls, plain]) {
      for (const role of ['plain', 'encrypted', 'certified', 'reader']) await server.query(`create role ${role} login`);
    }
    await tls.query('alter role reader set default_transaction_read_only = on');
  });

  after(async () => {
    await Promise.all([tls.stop(), plain.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** Has the server show another certificate. */
  async function present(options: IssueOptions): Promise<void> {
    const { certificate, privateKey } = authority.issue('localhost', options);
    await writeFile(join(tls.folder, 'data', 'server.key'), privateKey);
    await writeFile(join(tls.folder, 'data', 'server.crt'), certificate);
    await tls.reload();
  }

  const verified = (mode: string): string => `sslmode=${mode}&sslrootcert=${encodeURIComponent(authorityFile)}`;

  describe('of several hosts', () => {
    it('takes the first that serves, in the order of the URL', async () => {
      expect((await open(`postgres://coffer@localhost:${tls.port},localhost:${plain.port}/postgres`)).port).to.equal(
        tls.port,
      );
      expect((await open(`postgres://coffer@localhost:${plain.port},localhost:${tls.port}/postgres`)).port).to.equal(
        plain.port,
      );
    });

    it('passes over one that does not listen', async () => {
      const url = `postgres://coffer@localhost:${await freePort()},127.0.0.1:${plain.port}/postgres`;
      expect((await open(url)).port).to.equal(plain.port);
    });

    it('passes over one that refuses writes, unless any will do', async () => {
      const url = `postgres://reader@localhost:${tls.port},localhost:${plain.port}/postgres`;
      expect((await open(url)).port).to.equal(plain.port);
      expect((await open(`${url}?target_session_attrs=read-write`)).port).to.equal(plain.port);
      expect((await open(`${url}?target_session_attrs=primary`)).port).to.equal(tls.port);
      expect((await open(`${url}?target_session_attrs=any`)).port).to.equal(tls.port);
    });

    it('names each with its reason where none serves', async () => {
      const port = await freePort();
      const error = await rejectionOf(
        open(`postgres://reader:hunter2@localhost:${port},localhost:${tls.port}/postgres`),
      );
      expect(String(error)).to.include(`localhost:${port}: ECONNREFUSED; localhost:${tls.port}: is read-only`);
      expect(String(error)).not.to.include('hunter2');
    });

    it('asks no other where one refuses the user', async () => {
      const error = await rejectionOf(open(`postgres://nobody@localhost:${tls.port},localhost:${plain.port}/postgres`));
      expect(error).to.have.property('code', '28000');
    });
  });

  describe('by sslmode', () => {
    it('encrypts where the server can, and not where it cannot, by default', async () => {
      expect((await open(at(tls, ''))).isEncrypted).to.equal(true);
      expect((await open(at(plain, ''))).isEncrypted).to.equal(false);
    });

    it('takes what the server wants of the user, by prefer and allow', async () => {
      expect((await open(at(tls, 'sslmode=prefer', 'plain'))).isEncrypted).to.equal(false);
      expect((await open(at(tls, 'sslmode=allow'))).isEncrypted).to.equal(false);
      expect((await open(at(tls, 'sslmode=allow', 'encrypted'))).isEncrypted).to.equal(true);
    });

    it('never encrypts by disable', async () => {
      expect((await open(at(tls, 'sslmode=disable'))).isEncrypted).to.equal(false);
    });

    it('encrypts on the demand of require, verify-ca and verify-full', async () => {
      for (const parameters of [
        'sslmode=require',
        'sslmode=no-verify',
        verified('verify-ca'),
        verified('verify-full'),
      ]) {
        expect((await open(at(tls, parameters))).isEncrypted, parameters).to.equal(true);
      }
    });

    it('shows a certificate where one is given', async () => {
      const { certificate, privateKey } = authority.issue('certified');
      await writeFile(join(folder, 'own.pem'), certificate);
      await writeFile(join(folder, 'own.key'), privateKey);
      const own = `sslcert=${encodeURIComponent(join(folder, 'own.pem'))}&sslkey=${encodeURIComponent(join(folder, 'own.key'))}`;
      expect((await open(at(tls, `sslmode=require&${own}`, 'certified'))).isEncrypted).to.equal(true);
    });

    it('reports in a sentence that a server offers no TLS', async () => {
      expect(await refusal(at(plain, 'sslmode=require'))).to.match(
        /^the database at localhost:\d+ offers no TLS[^\n]*$/,
      );
      expect(await refusal(at(plain, verified('verify-full')))).to.match(
        /^the database at localhost:\d+ offers no TLS[^\n]*$/,
      );
    });

    it('reports in a sentence that the authority is not trusted', async () => {
      const sentence = /^the database at localhost:\d+ has a certificate of an authority that is not trusted[^\n]*$/;
      expect(await refusal(at(tls, 'sslmode=verify-full'))).to.match(sentence);
      await writeFile(join(folder, 'other.pem'), createAuthority('Another').certificate);
      const other = `sslrootcert=${encodeURIComponent(join(folder, 'other.pem'))}`;
      for (const mode of ['require', 'verify-ca', 'verify-full']) {
        expect(await refusal(at(tls, `sslmode=${mode}&${other}`)), mode).to.match(sentence);
      }
    });

    it('reports in a sentence what is wrong with a file, without its path', async () => {
      for (const [path, sentence] of [
        ['/no/hunter2.pem', /^sslrootcert in the database URL names no file that can be read \(ENOENT\)$/],
        [join(import.meta.dirname, 'hunter2'), /^sslrootcert[^\n]*ENOENT\)$/],
        [import.meta.filename, /^sslrootcert in the database URL contains no certificate in PEM$/],
      ] as const) {
        const said = await refusal(at(tls, `sslmode=verify-full&sslrootcert=${encodeURIComponent(path)}`));
        expect(said).to.match(sentence).and.not.include('hunter2');
      }
    });

    const certificates: [string, IssueOptions, string, RegExp][] = [
      [
        'is for another name',
        { names: ['DNS:elsewhere.example'] },
        'verify-full',
        /has a certificate for another name[^\n]*$/,
      ],
      ['has expired', { notAfter: new Date('2021-01-01') }, 'verify-ca', /has a certificate that has expired$/],
    ];
    for (const [title, options, mode, sentence] of certificates) {
      it(`reports in a sentence that a certificate ${title}`, async () => {
        await present(options);
        expect(await refusal(at(tls, verified(mode)))).to.match(sentence);
        await present({});
        expect((await open(at(tls, verified(mode)))).isEncrypted).to.equal(true);
      });
    }

    it('does not ask a certificate for its name by verify-ca', async () => {
      await present({ names: ['DNS:elsewhere.example'] });
      expect((await open(at(tls, verified('verify-ca')))).isEncrypted).to.equal(true);
      await present({});
    });
  });
});

async function open(url: string): Promise<Opened> {
  const client = await new SessionOpener({ url }).open();
  const opened = { port: client.port, isEncrypted: client.connection.stream instanceof TLSSocket };
  await endClient(client);
  return opened;
}

function at({ port }: PostgresServer, parameters: string, user = 'coffer'): string {
  return `postgres://${user}@localhost:${port}/postgres?${parameters}`;
}

/** What an operator reads of a failure. */
async function refusal(url: string): Promise<string> {
  const error = await rejectionOf(open(url));
  expect(error, 'it was refused').to.be.an.instanceOf(Error);
  return explainError(error);
}
