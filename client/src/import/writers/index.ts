import { fishnetWriter } from './fishnet-writer.ts';
import { flowiseWriter } from './flowise-writer.ts';
import { miniflowWriter } from './miniflow-writer.ts';
import { nativeWriter } from './native-writer.ts';
import type { Writer, WriterContext } from './writer.ts';

const writers: Readonly<Record<string, (context: WriterContext) => Writer>> = {
  flowise: flowiseWriter,
  fishnet: fishnetWriter,
  miniflow: miniflowWriter,
  n8n: (context) => nativeWriter(context, { sharesNames: true }),
};

/** The writer for a source: its own dialect's, or the native one. */
export function writerFor(source: string, context: WriterContext): Writer {
  return writers[source]?.(context) ?? nativeWriter(context, { sharesNames: false });
}
