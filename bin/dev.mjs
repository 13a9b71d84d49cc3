// `npm run dev`: starts Coffer, starts it again when a file in src/ or gen/ changes, and prints its log readably.
// Node's watch mode sends SIGTERM and waits, so that each run stops as gracefully as in production.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = fileURLToPath(new URL('coffer.mjs', import.meta.url));
const watched = ['src', 'gen'].map((folder) => `--watch-path=${root}${folder}`);
const levels = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', ...watched, program], {
  stdio: ['inherit', 'inherit', 'pipe'],
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => (process.exitCode = code ?? 1));
for await (const line of createInterface({ input: child.stderr })) process.stdout.write(`${format(line)}\n`);

/** A line of the log as `12:00:00 info  message  key=value …`, with the stack of an error below; other lines as they are. */
function format(line) {
  const entry = parse(line);
  if (entry === undefined) return line;
  const { level, time, msg, err, ...fields } = entry;
  const clock = new Date(time).toTimeString().slice(0, 8);
  const details = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const head = [clock, (levels[level] ?? String(level)).padEnd(5), msg, ...details].join(' ');
  return err === undefined ? head : `${head}\n${err.stack ?? JSON.stringify(err)}`;
}

function parse(line) {
  try {
    const entry = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'msg' in entry ? entry : undefined;
  } catch {
    return undefined;
  }
}
