/** A server of a run, which has a database of its own. */
export interface Server {
  /** Unique. */
  readonly name: string;
  /** A floor's program, below this folder; without it, it is Coffer. */
  readonly floor?: string;
  /** How many credentials Coffer has beside those that are asked for; none unless given. */
  readonly credentials?: number;
  /** How many workspaces they are spread over; 1 unless given. */
  readonly workspaces?: number;
  /** How many of Coffer's processes share the database; 1 unless given. */
  readonly processes?: number;
  /** Another program that starts Coffer than its own, below this folder. */
  readonly program?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** `node:http`, pg and secretbox. */
export const httpFloor: Server = { name: 'F1', floor: 'floors/http-floor.ts' };

/** The same behind Connect on fastify. */
export const connectFloor: Server = { name: 'F2', floor: 'floors/connect-floor.ts' };

/** The same behind gRPC's own server. */
export const grpcFloor: Server = { name: 'F3', floor: 'floors/grpc-floor.ts' };

/** As `npm start` runs it, on an empty database. */
export const coffer: Server = { name: 'Coffer' };
