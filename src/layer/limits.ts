/**
 * Bounds on what an import takes in. They are far above any honest layer (all of Debian's packages together have less than two
 * million files) and keep a hostile one from filling memory, the disk or the afternoon.
 */
export const limits = {
  /** Bytes of an image, and of all the files in a layer together. */
  bytes: 32 * 2 ** 30,
  entries: 2_000_000,
  /** The kernel reads a merged directory whole into memory (fs/overlayfs/readdir.c). */
  namesInDirectory: 200_000,
  depth: 200,
  /** NAME_MAX. */
  name: 255,
  /** Bytes from the root of the image, below PATH_MAX (4096) with room for the target in front. */
  path: 3_800,
  /** Bytes of all attributes in a pax header: XATTR_LIST_MAX names of values that ext4 would hold. */
  pax: 2 ** 20,
} as const;
