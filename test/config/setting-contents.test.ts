import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { startCoffer } from '../../src/start/coffer.ts';
import { settingNames, type Environment } from '../../src/config/config.ts';
import { readConfig } from '../../src/start/read-config.ts';
import { explainError } from '../../src/start/explain-error.ts';
import { createAuthority } from '../gateway/certificates.ts';
import { sharedPostgres } from '../support/postgres.ts';

/** Stands in each content, and is to appear nowhere. */
const mark = 'xMARKx';
const { privateKey } = createAuthority().issue('localhost');

/** What may be in a file or a variable in place of what is wanted there. */
const contents: Readonly<Record<string, string>> = {
  'a private key in PEM': privateKey.replace(/\n[^\n]{6}/, `\n${mark}`),
  'a password on one line': `${mark}-correct-horse-battery`,
  'a key on one line': `${mark}${Buffer.alloc(120, 7).toString('base64')}`,
  'an API key': `cof_${mark}${'a'.repeat(43 - mark.length)}`,
  'bytes that are no text': `0\u0001\ufffd${mark}`,
  'a path': `/${mark}/file`,
  'a number with more': `3978 ${mark}`,
  'an URL': `https://user:${mark}@issuer.example/#${mark}`,
  'a database URL with a password as it is': `postgres://user:${mark}#x@127.0.0.1:1/db`,
  'a database URL with a slash in its password': `postgres://user:1/${mark}@127.0.0.1:1/db`,
  'a database URL with a question mark in its password': `postgres://user:1?${mark}@127.0.0.1:1/db`,
  'a database URL with a line break': `postgres://user:${mark}\n@127.0.0.1:1/db`,
  'a database URL that no server answers': `postgres://user:${mark}@127.0.0.1:1/${mark}`,
  'a database URL of files that are not there': `postgres://u:${mark}@127.0.0.1:1/db?sslrootcert=/${mark}`,
  'the address of a Service': `tcp://${mark}:3978`,
};

/** How a content reaches a setting. */
const ways: Readonly<Record<string, (name: string, text: string, file: string) => Environment>> = {
  'as its value': (name, text) => ({ [name]: text.replaceAll('\0', '') }),
  'from a file': (name, _text, file) => ({ [`${name}_FILE`]: file }),
  'in place of the path of a file': (name, text) => ({ [`${name}_FILE`]: text }),
};

const read = (environment: Environment) => readConfig(environment, (path) => readFileSync(path, 'utf8'));

describe('the content of a setting', function () {
  this.timeout(60_000);
  let folder: string;

  before(async () => (folder = await mkdtemp(join(tmpdir(), 'coffer-contents-'))));
  after(() => rm(folder, { recursive: true }));

  /** Nothing listens there, so that every start ends, after all else was looked at. */
  const base = {
    COFFER_DATABASE_URL: 'postgres://coffer@127.0.0.1:1/coffer',
    COFFER_DATABASE_WAIT_MS: '0',
    COFFER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    COFFER_PORT: '0',
  };

  /** What a setting is only looked at beside. */
  const companions: Readonly<Record<string, Environment>> = {
    COFFER_TLS: { COFFER_TLS_CERT: '/dev/null', COFFER_TLS_KEY: '/dev/null' },
    COFFER_OIDC: { COFFER_OIDC_ISSUER: 'https://issuer.example', COFFER_OIDC_AUDIENCE: 'coffer' },
    COFFER_MANAGEMENT: { COFFER_MANAGEMENT_PORT: '0' },
  };

  function environmentWith(name: string, given: Environment): Environment {
    const beside = Object.entries(companions).find(([beginning]) => name.startsWith(beginning))?.[1];
    const { [name]: _replaced, ...others }: Environment = { ...base, ...beside };
    const { COFFER_MASTER_KEY: _key, ...withoutKey } = others;
    return { ...(name === 'COFFER_MASTER_PASSWORD' ? withoutKey : others), ...given };
  }

  for (const name of settingNames) {
    it(`is never shown: ${name}`, async () => {
      const file = join(folder, `${name}.txt`);
      for (const [what, text] of Object.entries(contents)) {
        await writeFile(file, `${text}\n`, { mode: 0o600 });
        for (const [how, give] of Object.entries(ways)) {
          // An audience, a claim, a password or a token may be any text; it is used, and not shown.
          const environment = environmentWith(name, give(name, text, file));
          expect(await shown(environment), `${what}, ${how}`).not.to.include(mark);
        }
      }
    });
  }

  it('is not shown where the database refuses the user', async () => {
    const { url } = await (await sharedPostgres()).createDatabase();
    const [, place = ''] = /@(.*)$/.exec(url) ?? [];
    const text = await shown({ ...base, COFFER_DATABASE_URL: `postgres://${mark}:${mark}@${place}` });
    expect(text).to.include('the user of COFFER_DATABASE_URL is unknown').and.not.to.include(mark);
  });
});

describe('a TLS setting', () => {
  it('takes PEM where a file gives it, and otherwise asks for a path without showing what it got', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coffer-pem-'));
    const identity = createAuthority().issue('localhost');
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(files.cert, identity.certificate);
    await writeFile(files.key, identity.privateKey, { mode: 0o600 });
    const { keyFiles, tls } = read({ COFFER_TLS_CERT_FILE: files.cert, COFFER_TLS_KEY_FILE: files.key });
    expect(tls).to.deep.equal({ certFile: files.cert, keyFile: files.key, clientCaFile: null });
    expect(keyFiles).to.deep.equal([files.key]);
    expect(() => read({ COFFER_TLS_CERT: files.cert, COFFER_TLS_KEY: identity.privateKey })).to.throw(
      /COFFER_TLS_KEY must be the path of a PEM file$/,
    );
    await writeFile(files.key, 'cof_no-key');
    expect(() => read({ COFFER_TLS_CERT: files.cert, COFFER_TLS_KEY_FILE: files.key })).to.throw(
      /COFFER_TLS_KEY_FILE must be the path of a PEM file, or of a file that holds such a path$/,
    );
    await rm(folder, { recursive: true });
  });
});

/** What an operator sees of a start. */
async function shown(environment: Environment): Promise<string> {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = pino({ level: 'debug', base: null }, stream);
  try {
    const config = read(environment);
    const coffer = await startCoffer(config, { log, clock: { now: () => new Date() } });
    await coffer.stop();
  } catch (error) {
    lines.push(explainError(error));
  }
  return lines.join('');
}
