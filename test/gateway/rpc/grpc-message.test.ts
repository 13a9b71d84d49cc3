import { Code, ConnectError } from '@connectrpc/connect';
import { expect } from 'chai';
import { array, assert, integer, property, uint8Array } from 'fast-check';
import { FrameReader, frameMessage } from '../../../src/gateway/rpc/grpc-message.ts';

const bytesMax = 100;

function read(pieces: readonly Buffer[]): Buffer {
  const reader = new FrameReader(bytesMax);
  for (const piece of pieces) reader.add(piece);
  return Buffer.from(reader.end());
}

function codeOf(pieces: readonly Buffer[]): Code | undefined {
  try {
    read(pieces);
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  }
}

/** Cuts bytes at the given places, wherever they are. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe('a message in its frame', () => {
  it('is read whatever pieces it comes in', () => {
    assert(
      property(uint8Array({ maxLength: bytesMax }), array(integer({ min: 0, max: 200 })), (message, places) => {
        expect(read(cut(frameMessage(message), places)).equals(message)).to.equal(true);
      }),
    );
  });

  it('has its length in front', () => {
    expect(frameMessage(Buffer.from('abc')).toString('latin1')).to.equal('\0\0\0\0\x03abc');
  });

  it('may be empty', () => {
    expect(read([Buffer.alloc(5)])).to.have.length(0);
  });

  it('may be as long as is allowed, and no longer', () => {
    expect(codeOf([frameMessage(Buffer.alloc(bytesMax))])).to.equal(undefined);
    expect(codeOf([frameMessage(Buffer.alloc(bytesMax + 1))])).to.equal(Code.ResourceExhausted);
  });

  it('is refused for what it declares, before it comes', () => {
    const reader = new FrameReader(bytesMax);
    reader.add(Buffer.from([0, 0xff, 0xff, 0xff]));
    expect(() => reader.add(Buffer.from([0xff]))).to.throw(ConnectError, /larger than 100 bytes/);
  });

  const mistakes: Readonly<Record<string, readonly [Buffer, Code]>> = {
    'is missing': [Buffer.alloc(0), Code.Unimplemented],
    'has a head that is cut off': [Buffer.alloc(4), Code.InvalidArgument],
    'is cut off': [frameMessage(Buffer.from('abc')).subarray(0, 7), Code.InvalidArgument],
    'is followed by another': [Buffer.alloc(10), Code.Unimplemented],
    'is followed by the beginning of another': [Buffer.alloc(6), Code.Unimplemented],
    'is compressed': [Buffer.from([1, 0, 0, 0, 0]), Code.Internal],
    'has unknown flags': [Buffer.from([2, 0, 0, 0, 0]), Code.Internal],
  };
  for (const [title, [bytes, code]] of Object.entries(mistakes)) {
    it(`that ${title} is refused, whatever pieces it comes in`, () => {
      assert(
        property(array(integer({ min: 0, max: 200 })), (places) => {
          expect(codeOf(cut(bytes, places))).to.equal(code);
        }),
      );
    });
  }
});
