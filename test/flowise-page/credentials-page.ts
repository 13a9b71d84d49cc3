import type { Browser, Locator, Page } from 'playwright-core';

/** What the page keeps of who is logged in, so that it shows its pages at once. */
const signedIn = {
  user: JSON.stringify({ id: 'a user', email: 'user@example.com', name: 'A user' }),
  isAuthenticated: 'true',
  isGlobal: 'true',
  permissions: '[]',
  features: '{}',
};

/** Opens the page of credentials, without anything from elsewhere. */
export async function openCredentialsPage(browser: Browser, origin: string): Promise<CredentialsPage> {
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  await page.route(
    (url) => url.origin !== origin && url.protocol.startsWith('http'),
    (route) => route.abort(),
  );
  await page.addInitScript((members) => {
    for (const [name, value] of Object.entries(members)) localStorage.setItem(name, value);
  }, signedIn);
  const credentials = new CredentialsPage(page, origin);
  await credentials.reload();
  return credentials;
}

/** Flowise's page of credentials, as a user works with it. */
export class CredentialsPage {
  readonly #page: Page;
  readonly #origin: string;

  constructor(page: Page, origin: string) {
    this.#page = page;
    this.#origin = origin;
  }

  async reload(): Promise<void> {
    await this.#page.goto(`${this.#origin}/credentials`);
    await this.#page.getByRole('button', { name: 'Add Credential' }).waitFor();
  }

  /** Adds a credential of a component, by its label. */
  async add(label: string, name: string, fields: Readonly<Record<string, string>>): Promise<void> {
    await this.#page.getByRole('button', { name: 'Add Credential' }).click();
    await this.#page.getByRole('dialog').getByText(label, { exact: true }).click();
    const dialog = await this.#form();
    await dialog.locator('#credName').fill(name);
    for (const [field, value] of Object.entries(fields)) await dialog.locator(`[id="${field}"]`).fill(value);
    await this.#confirm(dialog, 'Add', 'New Credential added');
  }

  async rename(from: string, to: string): Promise<void> {
    const dialog = await this.#edit(from);
    await dialog.locator('#credName').fill(to);
    await this.#confirm(dialog, 'Save', 'Credential saved');
  }

  /** Types a new value into one field of a credential. */
  async rotate(name: string, field: string, value: string): Promise<void> {
    const dialog = await this.#edit(name);
    await dialog.locator(`[id="${field}"]`).fill(value);
    await this.#confirm(dialog, 'Save', 'Credential saved');
  }

  async remove(name: string): Promise<void> {
    await this.#rowOf(name).getByTitle('Delete').click();
    const dialog = this.#page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await this.#told('Credential deleted');
    await this.#rowOf(name).waitFor({ state: 'detached' });
  }

  /** What stands in the fields of a credential's form. */
  async valuesOf(name: string): Promise<Record<string, string>> {
    const dialog = await this.#edit(name);
    const inputs = await dialog.locator('input').all();
    const values = await Promise.all(
      inputs.map(async (input) => [(await input.getAttribute('id')) ?? '', await input.inputValue()] as const),
    );
    await this.#page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    return Object.fromEntries(values);
  }

  async #edit(name: string): Promise<Locator> {
    await this.#rowOf(name).getByTitle('Edit').click();
    return this.#form();
  }

  /** The form, once the component is shown that it is made by. */
  async #form(): Promise<Locator> {
    const dialog = this.#page.getByRole('dialog').filter({ has: this.#page.locator('#credName') });
    await dialog.locator('#credName').waitFor();
    return dialog;
  }

  async #confirm(dialog: Locator, button: string, message: string): Promise<void> {
    await dialog.getByRole('button', { name: button, exact: true }).click();
    await this.#told(message);
    await dialog.waitFor({ state: 'detached' });
  }

  /** Waits for what the page says in its corner, and closes that. A failure is said there as well. */
  async #told(message: string): Promise<void> {
    const said = this.#page
      .getByText(/^(New Credential added|Credential saved|Credential deleted|Failed to .*)$/)
      .first();
    await said.waitFor();
    const text = (await said.textContent()) ?? '';
    if (text !== message) throw new Error(`the page said: ${text}`);
    await this.#page.getByRole('alert').getByRole('button').first().click();
    await said.waitFor({ state: 'detached' });
  }

  #rowOf(name: string): Locator {
    return this.#page.getByRole('row').filter({ has: this.#page.getByText(name, { exact: true }) });
  }
}
