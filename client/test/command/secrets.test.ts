import { expect } from 'chai';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { CommandUser } from '../support/run-command.ts';

describe('the commands about secrets', () => {
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
  });
  after(async () => {
    user[Symbol.dispose]();
    await server.stop();
  });

  /** Stores a value, and returns how it is printed. */
  async function stored(name: string, field: string, value: string | Uint8Array): Promise<string> {
    await user.print(['put', name, field], { stdin: value });
    return user.print(['get', name, field]);
  }

  describe('put and get', () => {
    it('print a value as it was stored, without a newline', async () => {
      expect(await stored('plain', 'api_key', 'sk-1')).to.equal('sk-1');
    });

    it('drop the newline at the end of a single line', async () => {
      expect(await stored('newline', 'api_key', 'sk-1\n')).to.equal('sk-1');
      expect(await stored('carriage-return', 'api_key', 'sk-1\r\n')).to.equal('sk-1');
    });

    it('keep a text of several lines byte for byte', async () => {
      const key = '-----BEGIN KEY-----\r\n  äöü 🔑 \t"\'`$\\\n-----END KEY-----\n';
      expect(await stored('lines', 'key', key)).to.equal(key);
      expect(await stored('blank-lines', 'key', '\n\n')).to.equal('\n\n');
    });

    it('keep the other fields of a secret', async () => {
      await user.print(['put', 'fields', 'first'], { stdin: '1' });
      await user.print(['put', 'fields', 'second'], { stdin: '2' });
      expect(JSON.parse(await user.print(['get', 'fields']))).to.deep.equal({ first: '1', second: '2' });
      await user.print(['put', 'fields', 'third', '--replace'], { stdin: '3' });
      expect(await user.print(['get', 'fields'])).to.equal('3');
    });

    it('take a JSON object for a whole secret, and another text for its only field', async () => {
      await user.print(['put', 'object'], { stdin: '{"user":"me","port":5432,"tls":{"on":true}}\n' });
      expect(await user.print(['get', 'object', 'port'])).to.equal('5432');
      expect(await user.print(['get', 'object', 'tls'])).to.equal('{"on":true}');
      const refused = await user.run(['put', 'object'], { stdin: 'text' });
      expect(refused).to.include({ exitCode: 2 });
      expect(refused.stderr).to.include('user, port, tls');
      await user.print(['put', 'single'], { stdin: 'first' });
      await user.print(['put', 'single'], { stdin: '{not json' });
      expect(JSON.parse(await user.print(['get', 'single', '--json'])).secret).to.deep.equal({ value: '{not json' });
    });

    it('keep the name of the only field', async () => {
      await user.print(['put', 'renewed', 'token'], { stdin: 'old' });
      await user.print(['put', 'renewed'], { stdin: 'new' });
      expect(await user.print(['get', 'renewed', 'token'])).to.equal('new');
    });

    it('refuse what could not be stored exactly, before anything is stored', async () => {
      for (const stdin of ['', '\n', Buffer.from([0xff, 0xfe]), 'a\0b', '{"id":12345678901234567890}', '{"n":1e999}']) {
        expect(await user.run(['put', 'refused'], { stdin })).to.include({ exitCode: 2, stdout: '' });
      }
      const large = await user.run(['put', 'refused', 'field'], { stdin: 'x'.repeat(1024 * 1024 + 1) });
      expect(large).to.include({ exitCode: 1, stderr: 'coffer: the standard input is larger than 1 MiB\n' });
      expect(await user.run(['describe', 'refused'])).to.include({ exitCode: 3 });
    });

    it('never take a value from the command line, nor print it in the error', async () => {
      for (const parameters of [['key', 'sk-canary'], ['--value=sk-canary'], ['--value', 'sk-canary', 'x', 'y']]) {
        const { exitCode, stdout, stderr } = await user.run(['put', 'argument', ...parameters], { stdin: '' });
        expect(exitCode).to.equal(2);
        expect(stdout + stderr).not.to.include('canary');
      }
    });

    it('read the value from a file', async () => {
      const path = join(user.home, 'value');
      writeFileSync(path, 'from a file\n');
      await user.print(['put', 'file', 'key', '--file', path]);
      expect(await user.print(['get', 'file'])).to.equal('from a file');
      expect(await user.run(['put', 'file', 'key', '--file', join(user.home, 'absent')])).to.include({ exitCode: 1 });
    });

    it('read the value from an editor, whose file is private and removed', async () => {
      const [editor, trace] = [join(user.home, 'editor'), join(user.home, 'trace')];
      writeFileSync(editor, `#!/bin/sh\nstat -c '%a %n' "$PWD" "$PWD/$2" > '${trace}'\necho "from $1" > "$2"\n`);
      chmodSync(editor, 0o755);
      await user.print(['put', 'edited', 'key', '--editor'], {
        environment: { EDITOR: `${editor} arguments`, PATH: process.env['PATH'] },
      });
      expect(await user.print(['get', 'edited'])).to.equal('from arguments');
      const [folder = '', file = ''] = readFileSync(trace, 'utf8').trim().split('\n');
      expect([folder.slice(0, 4), file.slice(0, 4)]).to.deep.equal(['700 ', '600 ']);
      expect(() => statSync(file.slice(4))).to.throw('ENOENT');
    });

    it('store nothing if the editor fails', async () => {
      const failed = await user.run(['put', 'unedited', 'key', '--editor'], { environment: { EDITOR: 'false' } });
      expect(failed).to.include({ exitCode: 1, stderr: 'coffer: the editor failed, and nothing was stored\n' });
    });

    it('set metadata when a credential is created, and change it later', async () => {
      const created = ['--provider', 'openai', '--tag', 'a', '--tag', 'b', '--label', 'env=prod', '--subject', 's'];
      await user.print(['put', 'described', 'key', ...created], { stdin: '1' });
      await user.print(['put', 'described', 'key', '--label', 'env=a=b', '--description', 'd'], { stdin: '2' });
      const described = JSON.parse(await user.print(['describe', 'described', '--json']));
      expect(described).to.include({ provider: 'openai', subject: 's', description: 'd', current_version: 2 });
      expect(described).to.deep.include({ tags: ['a', 'b'], labels: { env: 'a=b' } });
    });

    it('reveal an earlier version, and find absent versions and fields absent', async () => {
      await stored('versioned', 'key', 'one');
      await stored('versioned', 'key', 'two');
      expect(await user.print(['get', 'versioned', 'key', '--version', '1'])).to.equal('one');
      const { id } = JSON.parse(await user.print(['describe', 'versioned', '--json']));
      for (const reference of ['versioned', id]) {
        expect(await user.print(['get', reference, 'key', '--version', '2'])).to.equal('two');
        expect(await user.run(['get', reference, 'key', '--version', '3'])).to.include({ exitCode: 3, stdout: '' });
        expect(await user.run(['get', reference, 'other'])).to.include({ exitCode: 3, stdout: '' });
      }
      expect(await user.run(['get', 'versioned', '--version', 'one'])).to.include({ exitCode: 2 });
      expect(await user.run(['get', 'versioned', '--version', '0'])).to.include({ exitCode: 2 });
    });

    it('show a secret on a terminal only if that is requested, without control characters', async () => {
      await stored('shown', 'key', 'a\nb\u001b[31m');
      expect(await user.run(['get', 'shown'], { isTerminal: true })).to.include({ exitCode: 2, stdout: '' });
      const { stdout } = await user.run(['get', 'shown', '--show'], { isTerminal: true });
      expect(stdout).to.equal('a\nb\\u001b[31m\n');
      expect(await user.print(['get', 'shown'])).to.equal('a\nb\u001b[31m');
    });

    it('copy a secret through the input of a program, and print nothing', async () => {
      const [program, copied] = [join(user.home, 'wl-copy'), join(user.home, 'copied')];
      writeFileSync(program, `#!/bin/sh\necho "$#" > '${copied}'\ncat >> '${copied}'\n`);
      chmodSync(program, 0o755);
      const environment = { WAYLAND_DISPLAY: 'wayland-0', PATH: `${user.home}:${process.env['PATH']}` };
      await stored('copied', 'key', 'sk-copied');
      const result = await user.run(['get', 'copied', '--copy'], { environment, isTerminal: true });
      expect(result).to.deep.equal({ exitCode: 0, stdout: '', stderr: 'copied to the clipboard\n' });
      expect(readFileSync(copied, 'utf8')).to.equal('0\nsk-copied');
      expect(await user.run(['get', 'copied', '--copy'])).to.include({ exitCode: 1, stdout: '' });
    });
  });

  describe('those about credentials', () => {
    it('list, find and describe without secrets', async () => {
      await user.print(['put', 'listed "*\\', 'key', '--provider', 'listing'], { stdin: 'sk-hidden' });
      const all = await user.print(['list']);
      expect(all)
        .to.match(/^NAME +PROVIDER +STATE +VERSION +UPDATED +ID\n/)
        .and.include('listed "*\\');
      const found = JSON.parse(await user.print(['find', 'provider = listing', '--json']));
      expect(found.credentials.map(({ name }: { readonly name: string }) => name)).to.deep.equal(['listed "*\\']);
      const described = await user.print(['describe', 'listed "*\\']);
      expect(described).to.match(/^name +listed "\*\\$/m);
      expect(all + described).not.to.include('sk-hidden');
      expect(await user.print(['find', 'provider = nowhere'])).to.equal('');
      expect(await user.run(['find', 'provider =='])).to.include({ exitCode: 2 });
    });

    it('escape what would control a terminal', async () => {
      await user.print(['put', 'escape\u001b]0;x\u0007\u009b\u202e'], { stdin: 'x' });
      const listed = await user.print(['list']);
      expect(listed).to.include(String.raw`escape\u001b]0;x\u0007\u009b\u202e`);
      expect(await user.print(['list', '--json'])).not.to.match(/(?!\n)[\p{Cc}\u202e]/u);
    });

    it('list and restore versions', async () => {
      await stored('restored', 'key', 'one');
      await stored('restored', 'key', 'two');
      expect(await user.print(['versions', 'restored'])).to.match(/^2 +CURRENT .*\n1 +SUPERSEDED /m);
      await user.print(['restore', 'restored', '1']);
      expect(await user.print(['get', 'restored'])).to.equal('one');
      await user.print(['restore', 'restored', '--version', '2']);
      expect(await user.print(['get', 'restored'])).to.equal('two');
      const { versions } = JSON.parse(await user.print(['versions', 'restored', '--json']));
      expect(versions).to.have.lengthOf(4);
      expect(versions[0]).to.include({ version: 4, state: 'CURRENT' });
      expect(await user.run(['restore', 'restored', '9'])).to.include({ exitCode: 3 });
      expect(await user.run(['restore', 'restored'])).to.include({ exitCode: 2 });
    });

    it('delete and undelete', async () => {
      await stored('deleted', 'key', 'sk-1');
      expect(await user.print(['rm', 'deleted'])).to.include('coffer undelete');
      expect(await user.run(['get', 'deleted'])).to.include({ exitCode: 3 });
      expect(await user.run(['rm', 'deleted'])).to.include({ exitCode: 3 });
      expect(await user.print(['list', '--deleted'])).to.match(/deleted +custom +DELETED/);
      await user.print(['undelete', 'deleted']);
      expect(await user.print(['get', 'deleted'])).to.equal('sk-1');
      expect(await user.run(['undelete', 'deleted'])).to.include({ exitCode: 3 });
    });

    it('take an id where several credentials have the name', async () => {
      const body = { credential: { name: 'twice' }, secret: { value: 'x' } };
      await server.native('POST', '/v1/workspaces/default/credentials', body);
      await server.native('POST', '/v1/workspaces/default/credentials', body);
      const { credentials } = JSON.parse(await user.print(['find', 'name = twice', '--json']));
      for (const command of [['describe'], ['get'], ['rm'], ['versions'], ['put']]) {
        const { exitCode, stderr } = await user.run([...command, 'twice'], { stdin: 'y' });
        expect(exitCode, stderr).to.equal(1);
      }
      const [first, second] = credentials;
      await user.print(['put', first.short_id], { stdin: 'y' });
      expect(await user.print(['get', first.id])).to.equal('y');
      await user.print(['rm', second.id]);
      expect(await user.print(['get', 'twice'])).to.equal('y');
    });

    it('list more credentials than a page has, and at most so many', async () => {
      const requests = Array.from({ length: 1_000 }, () => ({
        credential: { name: 'page', provider: 'paged' },
        secret: { v: 'x' },
      }));
      await server.native('POST', '/v1/workspaces/default/credentials:batchCreate', { requests });
      await server.native('POST', '/v1/workspaces/default/credentials', {
        credential: { name: 'page', provider: 'paged' },
        secret: { v: 'x' },
      });
      const count = async (...options: string[]) =>
        JSON.parse(await user.print(['find', 'provider = paged', '--json', ...options])).credentials.length;
      expect(await count()).to.equal(1_001);
      expect(await count('--limit', '3')).to.equal(3);
      expect(await user.run(['list', '--limit', '0'])).to.include({ exitCode: 2 });
    });
  });
});
