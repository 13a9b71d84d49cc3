// Makes dist/, which the package publishes: the library by tsc, and the command by vite. npm runs this as `prepare`, after an
// installation and before packing. An installation without development dependencies has no builder, and needs no build.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = import.meta.dirname;
const nodeModules = createRequire(import.meta.url).resolve.paths('typescript');
const [tsc, vite] = ['typescript/bin/tsc', 'vite/bin/vite.js'].map(find);

if (tsc && vite) {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  run(tsc, ['-p', 'tsconfig.build.json']);
  declareJavaScript();
  run(vite, ['build', '--logLevel', 'warn']);
  chmodSync(join(folder, 'dist/command/main.js'), 0o755);
} else {
  process.stdout.write('@coffer/client: not built, since typescript or vite is not installed\n');
}

function find(path) {
  return nodeModules.map((each) => join(each, path)).find((each) => existsSync(each));
}

function run(program, parameters) {
  execFileSync(process.execPath, [program, ...parameters], { cwd: folder, stdio: 'inherit' });
}

/** tsc leaves the names of sources in declarations, where bundlers and older compilers look for files of these names. */
function declareJavaScript() {
  const dist = join(folder, 'dist');
  for (const path of readdirSync(dist, { recursive: true }).filter((each) => each.endsWith('.d.ts'))) {
    const file = join(dist, path);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/(?<=\bfrom ['"]|\bimport\(['"])(\.{1,2}\/[^'"]+)\.ts(?=['"])/g, '$1.js'));
  }
}
