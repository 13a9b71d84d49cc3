import { CommandError, usageError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';

/** More than a server takes in one request. */
const inputBytesMax = 1024 * 1024;
const bytesOfMebibyte = 1024 * 1024;

/**
 * Reads a stream of UTF-8 to its end.
 *
 * @throws CommandError if it is over 1 MiB, which is noticed before more is kept, or not a text that can be stored
 */
export async function readText(stream: AsyncIterable<Uint8Array | string>, name: string): Promise<string> {
  return decodeText(await readBytes(stream, name, inputBytesMax), name);
}

/**
 * Reads a stream to its end.
 *
 * @param bytesMax in whole MiB
 * @throws CommandError if it is longer, which is noticed before more is kept
 */
export async function readBytes(
  stream: AsyncIterable<Uint8Array | string>,
  name: string,
  bytesMax: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > bytesMax) {
      throw new CommandError(exitCodes.error, `${name} is larger than ${bytesMax / bytesOfMebibyte} MiB`);
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** @throws CommandError if the bytes are not UTF-8, or contain U+0000, which no server stores */
function decodeText(bytes: Uint8Array, name: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usageError(`${name} is not UTF-8 text: encode binary data, for instance with base64`);
  }
  if (text.includes('\0')) throw usageError(`${name} contains the character U+0000, which cannot be stored`);
  return text;
}

/** Drops the line break at the end of a text of one line, which `echo` and editors add. Longer texts stay as they are. */
export function withoutFinalNewline(text: string): string {
  const line = /^([^\n]*?)\r?\n$/.exec(text)?.[1];
  return line ?? text;
}
