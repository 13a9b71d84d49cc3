import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { memberOf, textOf } from '../../../test/support/json.ts';
import { importInto, outcomeOf, writeSamples, type SampleStore } from './importing.ts';
import { temporaryFolder } from './stores.ts';

const credentials = '/v1/workspaces/default/credentials';

describe('an import', () => {
  const folder = temporaryFolder();
  let coffer: TestCoffer;
  let samples: readonly SampleStore[];

  before(async () => {
    coffer = await startCoffer();
    samples = await writeSamples(folder.path, 'sk-imported');
  });
  after(async () => {
    await coffer.stop();
    folder.remove();
  });

  function sampleOf(source: string): SampleStore {
    const found = samples.find((each) => each.source === source);
    if (!found) throw new Error(`there is no sample of ${source}`);
    return found;
  }

  async function countOfCredentials(): Promise<unknown> {
    return (await coffer.native('GET', `${credentials}?page_size=1&include_total_size=true`))['total_size'];
  }

  for (const source of ['flowise', 'n8n', 'fishnet', 'miniflow', 'dotenv', 'json']) {
    describe(`from ${source}`, () => {
      it('is only planned without --apply', async () => {
        const before = await countOfCredentials();
        const report = await importInto(coffer, source, sampleOf(source).input, {
          isApplied: false,
          isVerified: false,
        });
        expect(outcomeOf(report)).to.deep.equal({ states: { opened: 2 }, isComplete: true });
        expect(await countOfCredentials()).to.equal(before);
      });

      it('stores all secrets, by the dialect of the source, and reads them back', async () => {
        const report = await importInto(coffer, source, sampleOf(source).input);
        expect(outcomeOf(report)).to.deep.equal({ states: { stored: 2 }, isComplete: true });
        expect(report.rows.map(({ verification }) => verification)).to.deep.equal(['equal', 'equal']);
        const stored = await Promise.all(
          report.rows.map(async ({ credentialId = '', entry }) => {
            const { credential } = await coffer.native('GET', `${credentials}/${credentialId}`);
            const { secret } = await coffer.native('POST', `${credentials}/${credentialId}:reveal`, {});
            const labels = memberOf(credential, 'labels');
            const keptId = source === 'flowise' ? credentialId : textOf(labels, 'original-id');
            return {
              origin: textOf(credential, 'origin'),
              from: textOf(labels, 'imported-from'),
              secret,
              isKept: keptId === entry.originalId,
            };
          }),
        );
        const { origin, secrets } = sampleOf(source);
        const expected = secrets.map((secret) => ({ origin, from: source, secret, isKept: true }));
        expect(stored).to.have.deep.members(expected);
      });

      if (source === 'flowise') {
        it('is found by id on the path that Flowise shares with Mielto', async () => {
          const report = await importInto(coffer, source, sampleOf(source).input);
          const shown = await coffer.native('GET', `/api/v1/credentials/${report.rows[0]?.credentialId}`);
          expect(shown).to.include({ credentialName: 'openAIApi', name: 'Flowise 1' });
        });
      }

      it('adds nothing when it is repeated', async () => {
        const before = await countOfCredentials();
        const report = await importInto(coffer, source, sampleOf(source).input);
        expect(outcomeOf(report)).to.deep.equal({ states: { duplicate: 2 }, isComplete: true });
        expect(report.rows.map(({ verification }) => verification)).to.deep.equal(['equal', 'equal']);
        expect(await countOfCredentials()).to.equal(before);
      });
    });
  }
});
