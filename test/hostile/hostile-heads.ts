/** Makes a hostile text of about so many bytes. */
type HostileText = (bytes: number) => string;

/** Queries, each by what is wrong with it; `names` are those of parameters that the route has. */
export function hostileQueries(names: readonly string[]): Readonly<Record<string, HostileText>> {
  return {
    'the same name': of(() => 'a'),
    'an unknown name each': of((index) => `u${index}=1`),
    'a name with brackets': of(() => 'a[]=1'),
    'dots in a name': (bytes) => 'a.'.repeat(bytes / 2),
    'separators alone': (bytes) => '&'.repeat(bytes),
    'percent signs': (bytes) => `a=${'%25'.repeat(bytes / 3)}`,
    'a long value': (bytes) => `a=${'x'.repeat(bytes)}`,
    ...Object.fromEntries(names.map((name) => [`${name} many times`, of(() => `${name}=x`)])),
    ...Object.fromEntries(
      names.map((name) => [`${name} with a long value`, (bytes: number) => `${name}=${'a,'.repeat(bytes / 2)}`]),
    ),
  };
}

/** As many parameters as there is room for. */
function of(parameter: (index: number) => string): HostileText {
  return (bytes) => repeated(bytes, '&', parameter);
}

/** Values of a variable in a path, each by what is wrong with it. */
export const hostileSegments: Readonly<Record<string, HostileText>> = {
  'a long segment': (bytes) => 'x'.repeat(bytes),
  'encoded characters': (bytes) => '%C3%A9'.repeat(bytes / 6),
  'encoded slashes': (bytes) => '%2F'.repeat(bytes / 3),
  slashes: (bytes) => 'a/'.repeat(bytes / 2),
  colons: (bytes) => ':'.repeat(bytes),
  'digits and dashes': (bytes) => '0-'.repeat(bytes / 2),
};

/** Headers, each by what is wrong with it. */
export const hostileHeaders: Readonly<Record<string, (bytes: number) => Readonly<Record<string, string>>>> = {
  'a long token': (bytes) => ({ authorization: `Bearer ${'x'.repeat(bytes)}` }),
  'a token with dots': (bytes) => ({ authorization: `Bearer ${'e30.'.repeat(bytes / 4)}` }),
  'many addresses': (bytes) => ({ 'x-forwarded-for': repeated(bytes, ',', () => '10.0.0.1') }),
  'many cookies': (bytes) => ({ cookie: repeated(bytes, ';', (index) => `c${index}=1`) }),
  'a long etag': (bytes) => ({ 'if-match': '"'.repeat(bytes) }),
  'a long request id': (bytes) => ({ 'x-request-id': 'x'.repeat(bytes) }),
  'a long trace': (bytes) => ({
    traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
    tracestate: repeated(bytes, ',', (index) => `a${index}=1`),
  }),
  'a long workspace': (bytes) => ({ 'x-workspace-id': 'x'.repeat(bytes) }),
  'a long content type': (bytes) => ({ 'content-type': `application/json;${' '.repeat(bytes)}charset=utf-8` }),
};

function repeated(bytes: number, separator: string, item: (index: number) => string): string {
  const width = item(9_999).length + separator.length;
  return Array.from({ length: Math.max(1, bytes / width) }, (_, index) => item(index)).join(separator);
}
