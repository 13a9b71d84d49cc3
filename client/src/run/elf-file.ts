/** What decides whether a program in the ELF format can be executed. @see elf(5) */
export interface ElfFile {
  /** Processor, word size and byte order; programs with an equal text run on the same system. */
  readonly machine: string;
  /** The dynamic linker that the program needs. */
  readonly interpreter: string | undefined;
}

const magic = '\x7fELF';
const programTypes = new Set([2, 3]);
const interpreterSegment = 3;
const littleEndian = 1;
const bits64 = 2;

/** Reads the beginning of a file; undefined where it is no program, or none of 64 bits. */
export function describeElf(head: Buffer): ElfFile | undefined {
  if (head.length < 64 || head.toString('latin1', 0, 4) !== magic || head[4] !== bits64) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const isLittle = head[5] === littleEndian;
  if (!programTypes.has(view.getUint16(16, isLittle))) return undefined;
  const machine = `${view.getUint16(18, isLittle)}/${isLittle ? 'little' : 'big'}`;
  return { machine, interpreter: findInterpreter(head, view, isLittle) };
}

function findInterpreter(head: Buffer, view: DataView, isLittle: boolean): string | undefined {
  const start = Number(view.getBigUint64(32, isLittle));
  const [size, count] = [view.getUint16(54, isLittle), view.getUint16(56, isLittle)];
  for (let index = 0; index < count; index++) {
    const segment = start + index * size;
    if (segment + 40 > head.length) return undefined;
    if (view.getUint32(segment, isLittle) !== interpreterSegment) continue;
    const offset = Number(view.getBigUint64(segment + 8, isLittle));
    const bytes = Number(view.getBigUint64(segment + 32, isLittle));
    return offset + bytes > head.length ? undefined : head.toString('utf8', offset, offset + bytes - 1);
  }
  return undefined;
}
