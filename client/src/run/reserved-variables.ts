/** Variables that make a program load other code than its own. */
const names = new Set(['PATH', 'NODE_OPTIONS']);
const prefixes = ['LD_', 'DYLD_'];

/** Those of common interpreters, which env files set for good reasons, but a name of a stored field should not. */
const namesOfInterpreters = new Set([
  'BASH_ENV',
  'ENV',
  'JAVA_TOOL_OPTIONS',
  'JDK_JAVA_OPTIONS',
  '_JAVA_OPTIONS',
  'PERL5LIB',
  'PERL5OPT',
  'PYTHONHOME',
  'PYTHONPATH',
  'PYTHONSTARTUP',
  'RUBYLIB',
  'RUBYOPT',
]);

/** Whether a variable decides which code a program loads, so that `run` does not set it without a flag. */
export function isReserved(variable: string, platform: NodeJS.Platform): boolean {
  const name = platform === 'win32' ? variable.toUpperCase() : variable;
  return names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

/**
 * The same for a variable that is named after a field: the name comes from those who may write credentials, who need not
 * be those who may choose what runs here.
 */
export function isReservedForFields(variable: string, platform: NodeJS.Platform): boolean {
  return isReserved(variable, platform) || namesOfInterpreters.has(variable.toUpperCase());
}
