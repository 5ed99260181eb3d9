/** Ways that are shut on purpose, so that the fall-back is taken: the kernel's share of state's Forced. */
export interface ShutWays {
  has(way: 'no-file-backed' | 'no-detached-layers' | 'no-lowerdir-plus'): boolean;
}
