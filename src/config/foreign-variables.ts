import { isIP } from 'node:net';
import type { Environment } from './setting-reader.ts';

/** Settings of Coffer's clients, which may share the environment of a server. */
const clientNames = new Set(
  ['COFFER_URL', 'COFFER_TOKEN', 'COFFER_WORKSPACE'].flatMap((name) => [name, `${name}_FILE`]),
);

/**
 * Finds the variables named `COFFER_…` that are not for the server: those of a client, and those that Kubernetes injects for a
 * Service named `coffer` or `coffer-…`. A variable with the name of a setting is one of the latter only with a value that
 * Kubernetes gives it, such as `COFFER_PORT=tcp://10.0.0.11:3978`.
 *
 * @see https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
export function findForeignVariables(environment: Environment): readonly string[] {
  const names = Object.keys(environment);
  const services = names.flatMap((name) => (environment[name] && /^(COFFER.*)_SERVICE_HOST$/.exec(name)?.[1]) || []);
  const isInjected = (name: string): boolean =>
    services.some((service) => isOfService(name.slice(service.length), environment[name], name.startsWith(service)));
  return names.filter((name) => clientNames.has(name) || isInjected(name));
}

function isOfService(rest: string, value: string | undefined, isPrefixed: boolean): boolean {
  if (!isPrefixed) return false;
  if (rest === '_PORT') return isServiceAddress(value ?? '');
  return /^_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/.test(rest);
}

/** An IPv6 address is in brackets. */
function isServiceAddress(value: string): boolean {
  const [, v6 = '', v4 = '', port] = /^tcp:\/\/(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(value) ?? [];
  return (isIP(v6) === 6 || isIP(v4) === 4) && Number(port) >= 1 && Number(port) <= 65_535;
}
