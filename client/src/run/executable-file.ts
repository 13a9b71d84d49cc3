import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { describeElf, type ElfFile } from './elf-file.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

/** How the system executes a file: itself, by a shell, or in a way that only trying it can show. */
export type Execution = 'direct' | 'shell' | 'unknown';

/** Enough for a line with an interpreter and for the program headers of an ELF file. */
const headBytes = 4096;
const interpretersMax = 4;
const machObjects = new Set(['cffaedfe', 'cafebabe']);
const formatsOfLinux = '/proc/sys/fs/binfmt_misc';

/**
 * Whether executing a file is certain to succeed, as far as its content decides: a failing execve(2) would abort this
 * process. A text without an interpreter is for `/bin/sh`, as for execvp(3).
 *
 * @throws StartRefusal with 127 where its interpreter is missing, with 126 where it is no program
 */
export function examineExecutable(path: string, depth = 0): Execution {
  const head = readHead(path);
  if (!head || depth > interpretersMax) return 'unknown';
  if (head.toString('latin1', 0, 2) === '#!') return examineScript(path, head, depth);
  const elf = describeElf(head);
  if (elf) return examineElf(path, elf);
  if (machObjects.has(head.toString('hex', 0, 4)) && process.platform === 'darwin') return 'direct';
  if (!head.includes(0)) return 'shell';
  if (hasFurtherFormats()) return 'unknown';
  throw new StartRefusal(refusalCodes.notExecutable, `${path}: not a program of this system`);
}

function examineScript(path: string, head: Buffer, depth: number): Execution {
  const [line = ''] = head.toString('utf8', 2).split('\n', 1);
  const [interpreter = ''] = line.trimStart().split(/[ \t]/, 1);
  if (interpreter === '') return 'shell';
  requireInterpreter(path, interpreter);
  // Linux does not execute an interpreter that is a text without one itself.
  return examineExecutable(interpreter, depth + 1) === 'direct' ? 'direct' : 'unknown';
}

function examineElf(path: string, { interpreter, machine }: ElfFile): Execution {
  const own = readHead(process.execPath);
  if (!own || describeElf(own)?.machine !== machine) return 'unknown';
  if (interpreter !== undefined) requireInterpreter(path, interpreter);
  return 'direct';
}

function requireInterpreter(path: string, interpreter: string): void {
  const stats = statSync(interpreter, { throwIfNoEntry: false });
  if (!stats) {
    throw new StartRefusal(
      refusalCodes.notFound,
      `${path}: its interpreter ${JSON.stringify(interpreter)} is not found`,
    );
  }
  if (!stats.isFile() || !mayExecute(interpreter)) {
    throw new StartRefusal(refusalCodes.notExecutable, `${path}: its interpreter ${interpreter} cannot be executed`);
  }
}

/** Whether the caller may execute a file, which a mount can forbid as well. */
export function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Undefined for a file that may be executed, but not read. */
function readHead(path: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(headBytes);
    return bytes.subarray(0, readSync(file, bytes, 0, headBytes, 0));
  } finally {
    closeSync(file);
  }
}

/** Whether Linux was taught to execute other formats, such as programs of another processor. @see binfmt_misc(5) */
function hasFurtherFormats(): boolean {
  try {
    return readdirSync(formatsOfLinux).some((name) => name !== 'register' && name !== 'status');
  } catch {
    return false;
  }
}
