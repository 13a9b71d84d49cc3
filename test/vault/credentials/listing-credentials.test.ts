import { expect } from 'chai';
import type { CredentialDraft } from '../../../src/vault/credentials/credential.ts';
import type { CredentialPage } from '../../../src/vault/credentials/credential-reader.ts';
import { limits } from '../../../src/vault/limits.ts';
import type { CredentialFilter } from '../../../src/vault/credentials/ports.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

const page = (changes: Partial<CredentialPage>) => ({ order: 'ascending', size: 100, ...changes }) as const;

describe('listing credentials', () => {
  let real: RealVault;

  before(async () => {
    real = await openRealVault();
  });

  beforeEach(async () => {
    await real.empty();
  });

  after(async () => {
    await real.close();
  });

  const create = async (changes: Partial<CredentialDraft> = {}, call = real.call) =>
    (await real.vault.createCredential(call, someDraft(changes), someSecret())).id;

  const namesOf = async (changes: Partial<CredentialPage> = {}) =>
    (await real.vault.listCredentials(real.call, page(changes))).map(({ name }) => name);

  /** Expects the names that a filter lets through, and that they are counted. */
  const expectNames = async (filter: CredentialFilter, names: string[]) => {
    expect(await namesOf(filter)).to.deep.equal(names);
    expect(await real.vault.countCredentials(real.call, filter)).to.equal(names.length);
  };

  const fromNow = (ms: number) => new Date(real.clock.timeMs + ms);

  /** The names of a page in a row, and whether the list goes on. */
  const pageOf = async (changes: Partial<CredentialPage>) => {
    const { credentials, hasMore } = await real.vault.pageCredentials(real.call, page(changes));
    return [credentials.map(({ name }) => name).join(''), hasMore];
  };

  /** Creates one a name, each a second after the other. */
  async function createNamed(...names: string[]): Promise<Record<string, string>> {
    const ids: Record<string, string> = {};
    for (const name of names) {
      ids[name] = await create({ name });
      real.clock.timeMs += 1_000;
    }
    return ids;
  }

  describe('by the time of creation', () => {
    it('follows it also where an id was given that suggests otherwise', async () => {
      await createNamed('a');
      const given = {
        id: '00000000-0000-4000-8000-000000000001',
        draft: someDraft({ name: 'b' }),
        secret: someSecret(),
      };
      await real.vault.createOrReplaceCredential(real.call, given);
      real.clock.timeMs += 1_000;
      await createNamed('c');
      expect(await namesOf()).to.deep.equal(['a', 'b', 'c']);
      expect(await namesOf({ after: given.id })).to.deep.equal(['c']);
      expect(await namesOf({ order: 'descending', after: given.id })).to.deep.equal(['a']);
    });

    it('shows each once, page by page, where many have the same time', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 7; index += 1) ids.push(await create());
      const walked: string[] = [];
      for (;;) {
        const after = walked.at(-1);
        const chunk = await real.vault.listCredentials(real.call, page({ size: 2, ...(after && { after }) }));
        if (chunk.length === 0) break;
        walked.push(...chunk.map(({ id }) => id));
      }
      expect(walked).to.deep.equal(ids);
    });

    it('shows nothing of another workspace, nor what was deleted', async () => {
      const { a = '' } = await createNamed('a', 'b');
      await create({ name: 'foreign' }, real.otherCall);
      await real.vault.deleteCredential(real.call, a);
      expect(await namesOf()).to.deep.equal(['b']);
    });
  });

  describe('from a place', () => {
    it('takes those behind it, or those next before it, in the order of the list', async () => {
      const { c = '' } = await createNamed('a', 'b', 'c', 'd', 'e');
      expect(await namesOf({ after: c })).to.deep.equal(['d', 'e']);
      expect(await namesOf({ before: c, size: 1 })).to.deep.equal(['b']);
      expect(await namesOf({ before: c })).to.deep.equal(['a', 'b']);
      expect(await namesOf({ order: 'descending', after: c })).to.deep.equal(['b', 'a']);
      expect(await namesOf({ order: 'descending', before: c, size: 1 })).to.deep.equal(['d']);
      expect(await namesOf({ order: 'descending', before: c })).to.deep.equal(['e', 'd']);
    });

    it('takes those between two places, the first ones first', async () => {
      const { a = '', e = '' } = await createNamed('a', 'b', 'c', 'd', 'e');
      expect(await namesOf({ after: a, before: e, size: 2 })).to.deep.equal(['b', 'c']);
      expect(await namesOf({ after: e, before: a })).to.deep.equal([]);
    });

    it('goes on from a place that was deleted, or does not fit the filter', async () => {
      const { b = '' } = await createNamed('a', 'b', 'c');
      expect(await namesOf({ after: b, name: 'c' })).to.deep.equal(['c']);
      await real.vault.deleteCredential(real.call, b);
      expect(await namesOf({ after: b })).to.deep.equal(['c']);
      expect(await namesOf({ before: b })).to.deep.equal(['a']);
    });

    it('takes the id in either case of letters', async () => {
      const { a = '' } = await createNamed('a', 'b');
      expect(await namesOf({ after: a.toUpperCase() })).to.deep.equal(['b']);
    });

    it('is empty behind the last and before the first', async () => {
      const { a = '', b = '' } = await createNamed('a', 'b');
      expect(await namesOf({ after: b })).to.deep.equal([]);
      expect(await namesOf({ before: a })).to.deep.equal([]);
    });

    it('refuses a place that is none of the workspace, and names the member', async () => {
      await createNamed('a');
      const foreign = await create({}, real.otherCall);
      for (const place of [foreign, '018cc251-f400-7000-8000-000000000001', 'x', '']) {
        for (const field of ['after', 'before']) {
          const refused = await refusalOf(real.vault.listCredentials(real.call, page({ [field]: place })));
          expect(refused).to.deep.include({ code: 'invalid_argument', details: { field, reason: 'CURSOR_UNKNOWN' } });
        }
      }
    });

    it('leaves out as many as are to be skipped', async () => {
      const { b = '' } = await createNamed('a', 'b', 'c', 'd');
      expect(await namesOf({ skip: 0 })).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(await namesOf({ skip: 1, size: 2 })).to.deep.equal(['b', 'c']);
      expect(await namesOf({ skip: 4 })).to.deep.equal([]);
      expect(await namesOf({ skip: 1, after: b })).to.deep.equal(['d']);
      expect(await namesOf({ skip: Number.MAX_SAFE_INTEGER })).to.deep.equal([]);
    });
  });

  describe('sorted', () => {
    it('by name, ids deciding between equals', async () => {
      await createNamed('b', 'c', 'a');
      const again = await create({ name: 'b' });
      expect(await namesOf({ sortBy: 'name' })).to.deep.equal(['a', 'b', 'b', 'c']);
      expect(await namesOf({ sortBy: 'name', order: 'descending', size: 3 })).to.deep.equal(['c', 'b', 'b']);
      expect(await namesOf({ sortBy: 'name', after: again })).to.deep.equal(['c']);
      expect(await namesOf({ sortBy: 'name', before: again })).to.deep.equal(['a', 'b']);
    });

    it('by the time of the last update', async () => {
      const { a = '' } = await createNamed('a', 'b', 'c');
      await real.vault.updateCredential(real.call, a, { description: 'changed' });
      expect(await namesOf({ sortBy: 'updatedAt' })).to.deep.equal(['b', 'c', 'a']);
      expect(await namesOf({ sortBy: 'updatedAt', order: 'descending', after: a })).to.deep.equal(['c', 'b']);
      expect(await namesOf({ sortBy: 'createdAt' })).to.deep.equal(['a', 'b', 'c']);
    });
  });

  describe('filtered', () => {
    it('by name, exactly', async () => {
      await createNamed('a', 'A', 'ab', 'a');
      await expectNames({ name: 'a' }, ['a', 'a']);
      await expectNames({ name: '' }, []);
    });

    it('by provider, exactly', async () => {
      await create({ name: 'one', provider: 'openai' });
      await create({ name: 'two', provider: 'openAIApi' });
      await create({ name: 'three', provider: 'OPENAI' });
      await expectNames({ providers: ['openai', 'openAIApi'] }, ['one', 'two']);
      await expectNames({ providers: [] }, []);
    });

    it('by auth type, without regard to case, or all but some', async () => {
      await create({ name: 'one', authType: 'API_key' });
      await create({ name: 'two', authType: 'slack' });
      await expectNames({ authTypes: ['api_KEY'] }, ['one']);
      await expectNames({ authTypesExcept: ['api_KEY'] }, ['two']);
      await expectNames({ authTypesExcept: [] }, ['one', 'two']);
      await expectNames({ authTypes: [] }, []);
    });

    it('by category, exactly; without one it is of none', async () => {
      await create({ name: 'one', category: 'llm' });
      await create({ name: 'two', category: 'LLM' });
      await create({ name: 'three' });
      await expectNames({ categories: ['llm'] }, ['one']);
      await expectNames({ categories: ['llm', 'LLM'] }, ['one', 'two']);
    });

    it('by state, as it is at the moment', async () => {
      await create({ name: 'active' });
      await create({ name: 'active for a while', expiresAt: fromNow(1) });
      await create({ name: 'inactive', isActive: false });
      await create({ name: 'inactive for a while', isActive: false, expiresAt: fromNow(1) });
      await create({ name: 'expired', expiresAt: fromNow(-1) });
      await create({ name: 'expired now', expiresAt: fromNow(0) });
      await create({ name: 'expired when inactive', isActive: false, expiresAt: fromNow(-1) });
      await expectNames({ states: ['ACTIVE'] }, ['active', 'active for a while']);
      await expectNames({ states: ['INACTIVE'] }, ['inactive', 'inactive for a while']);
      await expectNames({ states: ['EXPIRED'] }, ['expired', 'expired now', 'expired when inactive']);
      await expectNames(
        { states: ['ACTIVE', 'EXPIRED'] },
        (await namesOf()).filter((name) => !name.startsWith('inactive')),
      );
      await expectNames({ states: [] }, []);
      real.clock.timeMs += 1;
      await expectNames({ states: ['ACTIVE'] }, ['active']);
    });

    it('by a part of the name or of the description, without regard to case', async () => {
      await create({ name: 'OpenAI Production' });
      await create({ name: 'other', description: 'of the opening' });
      await create({ name: 'third', description: 'none' });
      await create({ name: 'ÄPFEL' });
      await expectNames({ search: 'oPEN' }, ['OpenAI Production', 'other']);
      await expectNames({ search: 'äpfel' }, ['ÄPFEL']);
      await expectNames({ search: '' }, ['OpenAI Production', 'other', 'third', 'ÄPFEL']);
      await expectNames({ search: 'absent' }, []);
    });

    for (const sign of ['%', '_', '\\', "'", '"', '?', '$1', "') or true --"]) {
      it(`by ${sign} as it stands`, async () => {
        await createNamed('plain', `a${sign}b`);
        await expectNames({ search: sign }, [`a${sign}b`]);
        await expectNames({ name: `a${sign}b` }, [`a${sign}b`]);
        await expectNames({ providers: [sign] }, []);
        await expectNames({ categories: [sign] }, []);
        await expectNames({ authTypes: [sign] }, []);
      });
    }

    it('by several members, all of which must fit', async () => {
      await create({ name: 'one', provider: 'p', category: 'c' });
      await create({ name: 'two', provider: 'p' });
      await create({ name: 'one', provider: 'q', category: 'c' });
      await expectNames({ name: 'one', providers: ['p'], categories: ['c'], states: ['ACTIVE'], search: 'N' }, ['one']);
    });

    it('refuses U+0000, which the database can not take, and names the member', async () => {
      const filters = [
        { name: '\0' },
        { search: 'a\0' },
        { providers: ['\0'] },
        { authTypes: ['\0'] },
        { categories: ['\0'] },
      ];
      const fields: unknown[] = [];
      for (const filter of filters) {
        fields.push((await refusalOf(real.vault.listCredentials(real.call, page(filter)))).details.field);
        fields.push((await refusalOf(real.vault.countCredentials(real.call, filter))).details.field);
      }
      const named = ['name', 'search', 'provider', 'auth_type', 'category'];
      expect(fields).to.deep.equal(named.flatMap((field) => [field, field]));
    });
  });

  describe('in pages', () => {
    it('states whether the list continues in the requested direction', async () => {
      const { b = '', c = '' } = await createNamed('a', 'b', 'c', 'd');
      expect(await pageOf({ size: 3 })).to.deep.equal(['abc', true]);
      expect(await pageOf({ size: 4 })).to.deep.equal(['abcd', false]);
      expect(await pageOf({ after: b, size: 1 })).to.deep.equal(['c', true]);
      expect(await pageOf({ after: b, size: 2 })).to.deep.equal(['cd', false]);
      expect(await pageOf({ before: c, size: 1 })).to.deep.equal(['b', true]);
      expect(await pageOf({ before: c, size: 2 })).to.deep.equal(['ab', false]);
      expect(await pageOf({ order: 'descending', before: b, size: 1 })).to.deep.equal(['c', true]);
    });

    it('takes sizes from 1 to the greatest that a dialect documents', async () => {
      await createNamed('a');
      for (const size of [1, limits.pageSizeOfDialects]) expect(await namesOf({ size })).to.deep.equal(['a']);
      for (const size of [0, -1, limits.pageSizeOfDialects + 1, Number.NaN, 1.5]) {
        const refused = await refusalOf(real.vault.listCredentials(real.call, page({ size })));
        expect(refused.details.field, String(size)).to.equal('page_size');
      }
      for (const skip of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
        const refused = await refusalOf(real.vault.listCredentials(real.call, page({ skip })));
        expect(refused.details.field, String(skip)).to.equal('skip');
      }
    });

    it('walks a list that is longer than one', async () => {
      const count = limits.pageSize + 1;
      await create();
      // As many copies of the first, each with an id of its own.
      const columns = `name, provider, auth_type, tags, labels, is_active, use_count, current_version, revision, origin,
        created_by, created_at, updated_at`;
      await real.asSuperuser(
        `insert into credential (workspace_id, id, ${columns})
         select workspace_id, gen_random_uuid(), ${columns} from credential, generate_series(2, $1)`,
        [count],
      );
      const ids = new Set<string>();
      for await (const chunk of real.vault.walkCredentials(real.call, { order: 'descending' }))
        for (const { id } of chunk) ids.add(id);
      expect(ids.size).to.equal(count);
      expect(await real.vault.countCredentials(real.call)).to.equal(count);
    });
  });

  it('needs the permission to read', async () => {
    const nowhere = callIn(real.call.workspaceId, { workspaceId: real.otherCall.workspaceId });
    const refusals = [
      refusalOf(real.vault.listCredentials(nowhere, page({}))),
      refusalOf(real.vault.pageCredentials(nowhere, page({}))),
      refusalOf(real.vault.countCredentials(nowhere)),
      refusalOf(real.vault.walkCredentials(nowhere, page({})).next()),
    ];
    expect(new Set((await Promise.all(refusals)).map(({ code }) => code))).to.deep.equal(new Set(['workspace_denied']));
  });
});
