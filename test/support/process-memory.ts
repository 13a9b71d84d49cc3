import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

/** A part of the memory of a process that it may write to. */
interface Region {
  readonly start: bigint;
  readonly bytes: number;
}

const scopeFile = '/proc/sys/kernel/yama/ptrace_scope';

/** Whether the system lets a process read the memory of those that it has started. */
export const canReadMemory =
  process.platform === 'linux' && (!existsSync(scopeFile) || Number(readFileSync(scopeFile, 'utf8')) <= 1);

/** How often bytes occur in the writable memory of another process on Linux, which its parent may read. */
export function countInMemory(pid: number, sought: Uint8Array): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return writableRegions(pid).reduce((sum, region) => sum + countIn(read(memory, region), sought), 0);
  } finally {
    closeSync(memory);
  }
}

function writableRegions(pid: number): readonly Region[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    return from === '' ? [] : { start: BigInt(`0x${from}`), bytes: Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)) };
  });
}

/** Nothing of a region that was released meanwhile. */
function read(memory: number, { bytes, start }: Region): Buffer {
  const content = Buffer.alloc(bytes);
  try {
    return content.subarray(0, readSync(memory, content, 0, bytes, start));
  } catch {
    return Buffer.alloc(0);
  }
}

function countIn(content: Buffer, sought: Uint8Array): number {
  let count = 0;
  for (let at = content.indexOf(sought); at >= 0; at = content.indexOf(sought, at + 1)) count += 1;
  return count;
}
