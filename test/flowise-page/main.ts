import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { creators, pairProviders, type Creation, type PairProvider } from '../dialects/pair-requests.ts';
import { marker } from '../dialects/secret-writers.ts';
import { findBrowser, startBrowser } from '../support/browser.ts';
import { startCoffer } from '../support/coffer.ts';
import { stopSharedPostgres } from '../support/postgres.ts';
import { openCredentialsPage, type CredentialsPage } from './credentials-page.ts';
import { fetchPage } from './fetch-page.ts';
import { startPageServer } from './page-server.ts';
import { VaultChecks } from './vault-checks.ts';

/** Another one may be named: `npm run test:flowise-page -- flowise-ui@latest`. @see docs/flowise-page.md */
const [spec = 'flowise-ui@3.1.4'] = process.argv.slice(2);

/** The labels of the components of which the page itself can add credentials. */
const labels: Readonly<Record<string, string>> = {
  openAIApi: 'OpenAI API',
  azureOpenAIApi: 'Azure OpenAI API',
  slackApi: 'Slack Bot Token',
};

/** One credential that the page works on. */
interface Subject {
  readonly provider: PairProvider;
  readonly dialect: string;
  readonly creation: Creation;
}

await using stack = new AsyncDisposableStack();
const executablePath = findBrowser();
if (executablePath === undefined) throw new Error('chromium must be in the PATH');
const folder = await mkdtemp(join(tmpdir(), 'flowise-page-'));
stack.defer(() => rm(folder, { recursive: true, force: true }));
const build = await fetchPage(spec, folder);
say(`${spec} was fetched`);
stack.defer(stopSharedPostgres);
const coffer = await startCoffer();
stack.defer(() => coffer.stop());
const token = await coffer.issueKey({ role: 'EDITOR', dialect: 'flowise' });
const server = await startPageServer({ build, cofferOrigin: coffer.origin, token });
stack.defer(() => server.close());
const browser = await startBrowser(executablePath);
stack.defer(() => browser.close());
const page = await openCredentialsPage(browser, server.origin);
const checks = new VaultChecks(coffer, token);

for (const subject of subjects()) await liveThrough(page, subject);
await lookAtPlainFields(page);
if (server.unknown.size > 0) say(`neither of Coffer nor of the script's stubs: ${[...server.unknown].join(', ')}`);

function subjects(): Subject[] {
  return pairProviders.flatMap((provider) =>
    Object.entries(creators).flatMap(([dialect, create]) => {
      const creation = create(provider, 1);
      return creation ? [{ provider, dialect, creation }] : [];
    }),
  );
}

/** Creates, renames, rotates and deletes a credential, and looks at it by every dialect after each step. */
async function liveThrough(shown: CredentialsPage, { provider, dialect, creation }: Subject): Promise<void> {
  const name = `${provider.title} by ${dialect}`;
  const label = dialect === 'flowise' ? labels[provider.component] : undefined;
  if (label === undefined) await checks.answerOf(creation.request(name, coffer.defaultWorkspaceId));
  else await shown.add(label, name, { [provider.field]: 'xoxb-old' });
  await shown.reload();
  const id = await checks.idOf(name);
  // The page sends the fields of a component that were left empty as well.
  const secret = await checks.secretOf(id);
  expect(secret).to.include(creation.secret);
  const created = { name, provider: creation.provider, secret };
  await checks.expectEverywhere(id, created);

  const renamed = { ...created, name: `${name}, renamed` };
  await shown.rename(name, renamed.name);
  await checks.expectEverywhere(id, renamed);

  const [field = ''] = Object.keys(creation.secret);
  await shown.rotate(renamed.name, inputOf(provider, field), 'xoxb-new');
  await checks.expectEverywhere(id, { ...renamed, secret: { ...secret, [field]: 'xoxb-new' } });

  await shown.remove(renamed.name);
  await checks.expectNowhere(id, renamed.name);
  say(`${name}: created, renamed, rotated and deleted`);
}

async function lookAtPlainFields(shown: CredentialsPage): Promise<void> {
  const fields = { azureOpenAIApiKey: 'sk-1', azureOpenAIApiInstanceName: 'mine', azureOpenAIApiDeploymentName: 'gpt' };
  await shown.add('Azure OpenAI API', 'plain', fields);
  expect(await shown.valuesOf('plain')).to.include({ ...fields, azureOpenAIApiKey: marker });
  say('plain fields are shown, and the key is not');
}

/** Where a value is typed: the component's field, or where the provider has no component the stored one. */
function inputOf({ component, name, field }: PairProvider, stored: string): string {
  return component === name ? stored : field;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
