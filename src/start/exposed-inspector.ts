/** Node's inspector, through which every key in the process can be read, would listen for other machines. */
export class ExposedInspectorError extends Error {
  constructor(source: string) {
    super(
      `${source} opens Node's inspector on another address than loopback, where others could read every key in this ` +
        'process: leave it out, or give it 127.0.0.1',
    );
    this.name = 'ExposedInspectorError';
  }
}

/** Where the inspector may have been enabled. */
export interface InspectorSources {
  /** Node's own parameters on the command line. */
  readonly parameters: readonly string[];
  /** `NODE_OPTIONS`. */
  readonly options: string | undefined;
  /** Where the inspector already listens, by any setting. */
  readonly url: string | undefined;
}

/** Flags that open the inspector, or set the address for opening it later. */
const inspectorFlags = /^--(?:inspect(?:-brk|-wait|-port)?|debug-port)$/;

/** @throws ExposedInspectorError, which names a flag and no value */
export function refuseExposedInspector({ parameters, options = '', url }: InspectorSources): void {
  const quoted = options.match(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g) ?? [];
  const given = {
    'the command line': parameters,
    NODE_OPTIONS: quoted.map((option) => option.replaceAll(/\\(.)|"/g, '$1')),
  };
  for (const [source, values] of Object.entries(given)) {
    const flag = values.find((_, index) => isExposed(values, index));
    if (flag !== undefined) throw new ExposedInspectorError(`${flag.replace(/=.*$/s, '')} in ${source}`);
  }
  if (url !== undefined && !isLoopback(new URL(url).hostname)) throw new ExposedInspectorError('a setting of Node');
}

/** Node accepts underscores as hyphens, and a required value as the next parameter. */
function isExposed(values: readonly string[], index: number): boolean {
  const [name, value] = splitFlag(values[index] ?? '');
  if (!inspectorFlags.test(name)) return false;
  const next = values[index + 1] ?? '';
  const address = value ?? (name.endsWith('-port') && !next.startsWith('-') ? next : '');
  return !(address === '' || /^\d+$/.test(address) || isLoopback(address.replace(/:\d*$/, '')));
}

function splitFlag(parameter: string): readonly [name: string, value?: string] {
  const equals = parameter.indexOf('=');
  const name = (equals === -1 ? parameter : parameter.slice(0, equals)).replaceAll('_', '-');
  return equals === -1 ? [name] : [name, parameter.slice(equals + 1)];
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])?$/i.test(host);
}
