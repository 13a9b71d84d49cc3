import { setTimeout as delay } from 'node:timers/promises';

/** One line of the text format of Prometheus. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const samplePattern = /^(?<name>[a-zA-Z_:]\w*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;

/** Reads the text format of Prometheus; fails on a line that is neither a comment nor a sample. */
export function parseMetrics(text: string): readonly Sample[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const { name = '', labels = '', value } = samplePattern.exec(line)?.groups ?? {};
    const number = Number(value);
    if (Number.isNaN(number)) throw new Error('a line of the metrics is no sample');
    const pairs = labels.matchAll(/(?<label>\w+)="(?<text>(?:[^"\\]|\\.)*)"/g);
    const entries = Array.from(pairs, ({ groups }) => [groups?.['label'] ?? '', groups?.['text'] ?? '']);
    return { name, labels: Object.fromEntries(entries), value: number };
  });
}

/** The sum of the samples of a name that have the labels. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Reads the metrics again and again until they fit; the test's time is the limit. */
export async function metricsThat(
  read: () => Promise<string>,
  fit: (samples: readonly Sample[]) => boolean,
): Promise<readonly Sample[]> {
  for (;;) {
    const samples = parseMetrics(await read());
    if (fit(samples)) return samples;
    await delay(20);
  }
}
