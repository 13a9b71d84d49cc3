import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Without sandbox, since tests may run as root; and without anything that calls home. */
const quietly = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The first browser of the PATH that tests can drive; undefined where there is none. */
export function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

/** Starts that browser without a window; skips the running tests with the reason where there is none. */
export async function launchBrowser(context: Mocha.Context): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) {
    context.test?.parent?.eachTest((test) => (test.title += ' (needs chromium in the PATH)'));
    return context.skip();
  }
  return startBrowser(executablePath);
}

/** Starts a browser without a window. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: quietly });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
