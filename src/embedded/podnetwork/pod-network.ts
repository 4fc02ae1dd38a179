/** The Pod a network is made for. */
export interface NetworkedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** uid of the object that controls the Pod. */
  readonly owner?: string;
}

/** What a Pod's network came out as: the path of its pinned namespace, and its addresses without prefix, IPv4 first. */
export interface PodNetworkResult {
  readonly netnsPath: string;
  readonly ips: string[];
}

/**
 * Networks of the Pods of this node. All operations may be repeated: they make, or take away, what is still missing.
 */
export interface PodNetwork {
  /** Make the Pod's network, or find it as it is: a Pod keeps its addresses as long as it lives. */
  setup(pod: NetworkedPod): Promise<PodNetworkResult>;
  /** Take the Pod's network away, and give its addresses back. */
  teardown(podUid: string): Promise<void>;
  /** Take the networks of all other Pods away, for what was left by a crash. */
  retainOnly(podUids: ReadonlySet<string>): Promise<void>;
}
