import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { dialectNames } from '../../src/dialects/index.ts';
import { launchBrowser } from '../support/browser.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';

describe('in a browser', () => {
  let browser: Browser | undefined;
  let coffer: TestCoffer;
  let elsewhere: Server;
  let page: Page;

  let requested: string[];
  let complaints: string[];

  before(async function () {
    browser = await launchBrowser(this);
    elsewhere = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>A page of another origin</title>');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    coffer = await startCoffer({ environment: { COFFER_CORS_ORIGINS: originOf(elsewhere) } });
  });

  after(async () => {
    await browser?.close();
    await coffer?.stop();
    elsewhere?.close();
  });

  beforeEach(async () => {
    if (!browser) return;
    page = await browser.newPage();
    requested = [];
    complaints = [];
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });

  afterEach(() => page?.close());

  it('shows the operations of the native API at /docs, and loads nothing from elsewhere', async () => {
    await page.goto(`${coffer.origin}/docs`);
    await page.getByText('/v1/workspaces/{workspace_id}/credentials', { exact: true }).first().waitFor();
    expect(await page.locator('.opblock').count()).to.be.greaterThan(10);
    expect(await page.locator('#select option').allTextContents()).to.deep.equal(dialectNames);
    expect(complaints).to.deep.equal([]);
    const origins = requested.filter((url) => !url.startsWith('data:')).map((url) => new URL(url).origin);
    expect([...new Set(origins)]).to.deep.equal([coffer.origin]);
  });

  it('shows another API when it is chosen, down to the members of a request', async () => {
    await page.goto(`${coffer.origin}/docs/`);
    await page.locator('#select').selectOption({ label: 'scale' });
    await page.getByText('EGP API V5').waitFor();
    await page.locator('.opblock-post .opblock-summary').first().click();
    await page.locator('.opblock.is-open').getByText('"credential_metadata"').first().waitFor();
    await page.locator('.opblock.is-open .parameters').getByText('x-selected-account-id').waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('runs no script that is written into a page of /docs', async () => {
    const response = await page.goto(`${coffer.origin}/docs`);
    const policy = (await response?.headerValue('content-security-policy')) ?? '';
    expect(policy).to.include("default-src 'none'").and.include("script-src 'self'").and.not.include('unsafe');
    await page.evaluate(`
      const script = document.createElement('script');
      script.textContent = 'document.title = "taken over"';
      document.head.append(script);
    `);
    expect(await page.title()).to.equal('API documents');
    expect(complaints.join()).to.include('Content Security Policy');
  });

  it('answers Connect-JSON to a page of a configured origin', async () => {
    const token = await coffer.issueKey({ role: 'EDITOR' });
    await page.goto(originOf(elsewhere));
    const answer = await page.evaluate(call, { url: coffer.origin + createCredential, token });
    expect(answer.status).to.equal(200);
    expect(textOf(parseObject(answer.body), 'credential', 'name')).to.equal('From a page');
    expect(answer.requestId).to.match(/^[0-9a-f-]{36}$/);
    expect(complaints).to.deep.equal([]);
  });

  it('answers no page of any other origin', async () => {
    await page.goto(originOf(elsewhere).replace('127.0.0.1', 'localhost'));
    const refusal = await page.evaluate(call, { url: coffer.origin + createCredential, token: 'cof_x' }).then(
      () => 'answered',
      (error: unknown) => String(error),
    );
    expect(refusal).to.include('Failed to fetch');
  });
});

const createCredential = '/coffer.v1.CredentialService/CreateCredential';

/** Runs in the page. */
async function call({ url, token }: { readonly url: string; readonly token: string }) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'connect-protocol-version': '1', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      workspaceId: 'default',
      credential: { name: 'From a page', provider: 'openai' },
      secret: { api_key: 'sk-example' },
    }),
  });
  return { status: response.status, body: await response.text(), requestId: response.headers.get('x-request-id') };
}

function originOf(server: Server): string {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
  return `http://127.0.0.1:${address.port}`;
}
