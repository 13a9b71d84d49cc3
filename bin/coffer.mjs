#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that a Node too old for the rest is told what to do instead of failing oddly.
const least = 24;
const [major] = process.versions.node.split('.');

if (Number(major) < least) {
  process.stderr.write(
    `Coffer runs on Node ${least} or newer, and this is Node ${process.versions.node}.\n` +
      'npm brings the right one with the package "node". Start with "npm start" or "npx coffer"; ' +
      'if that shows this too, its install script was skipped: run "npm rebuild node".\n',
  );
  process.exitCode = 1;
} else {
  const { run } = await import('../src/main.ts');
  process.exitCode = await run(process.argv.slice(2));
}
