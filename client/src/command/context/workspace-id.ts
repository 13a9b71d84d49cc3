/** An id of a workspace: a UUID, `WSP-…`, or `default` for the caller's default workspace. */
const idPattern = /^(default|WSP-[0-9A-F]{16}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Whether a reference to a workspace is an id, as the server takes it; otherwise it is a name. */
export function isWorkspaceId(reference: string): boolean {
  return idPattern.test(reference);
}
