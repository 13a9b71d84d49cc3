/** What a client of HTTP/2 sends first: the preface, and an empty SETTINGS frame. */
export const http2Greeting = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

const endStream = 1;
const endHeaders = 4;

/** A frame, one character a byte. @see https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
export function http2Frame(type: number, flags: number, stream: number, payload: string): string {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return head.toString('latin1') + payload;
}

/** A request with just these header fields, in this order and as often as they stand; names and values below 127 bytes. */
export function http2Request(stream: number, fields: readonly (readonly [string, string])[], body?: string): string {
  const block = fields.map(([name, value]) => `\0${lengthOf(name)}${name}${lengthOf(value)}${value}`).join('');
  if (body === undefined) return http2Frame(1, endHeaders | endStream, stream, block);
  return http2Frame(1, endHeaders, stream, block) + http2Frame(0, endStream, stream, body);
}

/** Of a literal that is not Huffman-coded. @see https://www.rfc-editor.org/rfc/rfc7541#section-5.2 */
function lengthOf(text: string): string {
  return String.fromCharCode(text.length);
}
