/** The commands of the server, which is a separate program. */
export const serverCommands: ReadonlySet<string> = new Set([
  'start',
  'admin-key',
  'audit-export',
  'audit-prune',
  'audit-verify',
  'audit-acknowledge-loss',
  'keys',
  'doctor',
  'migrate',
  'demo',
]);
