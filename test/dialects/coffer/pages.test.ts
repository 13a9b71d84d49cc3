import { expect } from 'chai';
import { array, assert, asyncProperty, oneof, string, uint8Array } from 'fast-check';
import { readPage } from '../../../src/dialects/coffer/pages.ts';
import { type PageRange } from '../../../src/vault/page.ts';
import { VaultError } from '../../../src/vault/errors.ts';

/** So many items in the order of their ids. */
function listOf(count: number): { id: string }[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `018cc251-f400-7000-8000-${index.toString(16).padStart(12, '0')}`,
  }));
}

const fetchFrom =
  (items: readonly { id: string }[]) =>
  async ({ size, after }: PageRange) =>
    items.filter(({ id }) => after === undefined || id > after).slice(0, size);

describe('readPage', () => {
  for (const count of [0, 1, 2, 3, 4, 5]) {
    it(`walks a list of ${count} by twos, and knows its end`, async () => {
      const items = listOf(count);
      const walked = [];
      let pages = 0;
      let pageToken = '';
      do {
        const page = await readPage('things', { pageSize: 2, pageToken }, fetchFrom(items));
        walked.push(...page.items);
        pages += 1;
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(walked).to.deep.equal(items);
      expect(pages).to.equal(Math.max(1, Math.ceil(count / 2)));
    });
  }

  const sizes = { 0: 100, 1: 1, 1000: 1_000, 1001: 1_000, 2_147_483_647: 1_000 };
  for (const [asked, answered] of Object.entries(sizes)) {
    it(`answers ${answered} where ${asked} are asked for`, async () => {
      const page = await readPage('things', { pageSize: Number(asked), pageToken: '' }, fetchFrom(listOf(1_500)));
      expect(page.items).to.have.length(answered);
    });
  }

  it('refuses a negative size', async () => {
    expect(await refusedField({ pageSize: -1, pageToken: '' })).to.equal('page_size');
  });

  it('refuses the token of another list', async () => {
    const { nextPageToken } = await readPage('others', { pageSize: 1, pageToken: '' }, fetchFrom(listOf(2)));
    expect(nextPageToken).not.to.equal('');
    expect(await refusedField({ pageSize: 1, pageToken: nextPageToken })).to.equal('page_token');
  });

  it('refuses a token with something in or behind it', async () => {
    const { nextPageToken } = await readPage('things', { pageSize: 1, pageToken: '' }, fetchFrom(listOf(2)));
    for (const pageToken of [`${nextPageToken}=`, `${nextPageToken}A`, ` ${nextPageToken}`, nextPageToken.slice(1)]) {
      expect(await refusedField({ pageSize: 1, pageToken }), pageToken).to.equal('page_token');
    }
  });

  it('refuses any text that is no token, and fails in no other way', async () => {
    const bytes = uint8Array().map((value) => Buffer.from(value).toString('base64url'));
    const texts = oneof(
      string({ minLength: 1 }),
      array(string(), { minLength: 1 }).map((parts) => Buffer.from(`things:${parts.join('-')}`).toString('base64url')),
      bytes.filter((text) => text !== ''),
    );
    await assert(
      asyncProperty(texts, async (pageToken) => {
        expect(await refusedField({ pageSize: 1, pageToken })).to.equal('page_token');
      }),
    );
  });
});

async function refusedField(wish: { pageSize: number; pageToken: string }): Promise<string | undefined> {
  try {
    await readPage('things', wish, fetchFrom(listOf(3)));
    return undefined;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'invalid_argument') return error.details.field;
    throw error;
  }
}
