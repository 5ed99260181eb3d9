import { existsSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { hashFile, openSource, readHead } from './read-source.ts';

/** One layer of an OCI image: a tar, compressed or not. */
export interface Blob {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

export interface OciImage {
  /** Lowest first. */
  readonly layers: readonly Blob[];
  /** org.opencontainers.image.ref.name, the tag. */
  readonly tag: string | undefined;
}

const maxDocument = 4 * 2 ** 20;
const machines: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  riscv64: 'riscv64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

export function isOciLayout(directory: string): boolean {
  return existsSync(join(directory, 'oci-layout')) && existsSync(join(directory, 'index.json'));
}

/**
 * The one image of an OCI image layout (image-spec v1, image-layout.md), or of several the one for this machine. Every document but
 * index.json is checked against its digest. Throws source-unreadable.
 */
export async function readOciLayout(ctx: Context, directory: string): Promise<OciImage> {
  let descriptor: Descriptor = { digest: '', size: 0, platform: undefined, tag: undefined };
  let document = await readDocument(ctx, join(directory, 'index.json'), null, directory);
  let tag: string | undefined;
  // index -> (index of platforms) -> manifest
  for (let level = 0; Array.isArray(document.manifests) && level < 3; level++) {
    descriptor = choose(
      document.manifests.map(entry => asDescriptor(entry, directory)),
      directory,
    );
    tag ??= descriptor.tag;
    document = await readDocument(ctx, blobPath(directory, descriptor.digest), descriptor, directory);
  }
  if (!Array.isArray(document.layers)) throw unreadable(directory, 'has no image manifest with layers');
  const layers = document.layers.map(entry => asDescriptor(entry, directory));
  return {
    layers: layers.map(({ digest, size }) => ({ path: blobPath(directory, digest), digest, size })),
    tag,
  };
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly platform: { os?: unknown; architecture?: unknown } | undefined;
  readonly tag: string | undefined;
}

function choose(descriptors: readonly Descriptor[], directory: string): Descriptor {
  const [only, ...more] = descriptors;
  if (only && more.length === 0) return only;
  const fitting = descriptors.filter(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === machines[arch()],
  );
  const [one, ...others] = fitting;
  if (one && others.length === 0) return one;
  throw unreadable(
    directory,
    `holds ${descriptors.length} images, and ${fitting.length} of them are for this machine`,
  );
}

/** Parses a JSON object of bounded size. */
async function readDocument(
  ctx: Context,
  path: string,
  expected: Descriptor | null,
  directory: string,
): Promise<Record<string, unknown>> {
  using source = openSource(path);
  if (source.size > maxDocument) throw unreadable(directory, `has a document of ${source.size} bytes`);
  if (expected) await checkBlob(ctx, { path, ...expected }, source.fd, source.size);
  try {
    const value: unknown = JSON.parse(readHead(source.fd, source.size).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw unreadable(directory, `has a document that is no JSON object: ${path}`);
}

/** Throws source-unreadable unless an open blob is what its descriptor says. */
export async function checkBlob(
  ctx: Context,
  { path, digest, size }: Blob,
  fd: number,
  actual: number,
): Promise<void> {
  if (actual !== size) throw unreadable(path, `has ${actual} bytes, and its descriptor says ${size}`);
  const found = await hashFile(ctx, fd, { task: 'hash', subject: digest.slice(7, 19), size });
  if (`sha256:${found}` !== digest) throw unreadable(path, 'is not what its digest says');
}

function asDescriptor(value: unknown, directory: string): Descriptor {
  const { digest, size, platform, annotations } = (value ?? {}) as Record<string, unknown>;
  if (
    typeof digest !== 'string' ||
    !/^sha256:[0-9a-f]{64}$/.test(digest) ||
    !Number.isSafeInteger(size) ||
    (size as number) < 0
  )
    throw unreadable(directory, 'has a descriptor without a sound sha256 digest and size');
  const tag = (annotations as Record<string, unknown> | undefined)?.['org.opencontainers.image.ref.name'];
  return {
    digest,
    size: size as number,
    platform: (platform as Descriptor['platform']) ?? undefined,
    tag: typeof tag === 'string' ? tag : undefined,
  };
}

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs/sha256', digest.slice('sha256:'.length));
}

function unreadable(what: string, why: string): NanolinError {
  return new NanolinError(
    'source-unreadable',
    `${what} ${why}`,
    'make the layout again: skopeo copy docker://... oci:DIR',
  );
}
