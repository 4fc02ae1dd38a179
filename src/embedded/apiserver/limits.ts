/** Bounds on what a client can make the server hold or do. Values of kube-apiserver where it has them. */
export const limits = {
  /** Request body, as kube-apiserver. */
  bodyBytes: 3 * 1024 * 1024,
  headerBytes: 64 * 1024,
  urlBytes: 32 * 1024,
  /** Nesting of a JSON or YAML body. */
  jsonDepth: 100,
  /** Members of one object in a body: walking tens of thousands would hold up everybody else. */
  jsonMembers: 10_000,
  /** A stored object, as etcd's request limit. */
  objectBytes: 1536 * 1024,
  jsonPatchOperations: 10_000,
  listItems: 100_000,
  /** Unsent bytes after which a watcher counts as too slow and is cut. */
  watchBufferBytes: 8 * 1024 * 1024,
  /** Events an in-process watcher may leave unread. */
  watchBufferEvents: 20_000,
  updateRetries: 20,
  generateNameRetries: 8,
  connections: 4096,
  connectionsPerClient: 2048,
  /** Requests worked on at the same time: of a client alone, and of all together as soon as there are several. */
  seats: 256,
  contendedSeats: 48,
  leastSeats: 8,
  /** Requests of one client that wait for a seat. */
  waitingPerClient: 1024,
  /** Who has asked within so long counts when seats are shared. */
  clientActiveMs: 1000,
  /** A request without its headers or body for so long is dropped. */
  requestTimeoutMs: 60_000,
  bookmarkIntervalMs: 60_000,
  watchTimeoutMinSeconds: 1800,
} as const;
