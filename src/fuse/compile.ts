import { check, EAGAIN, Later } from './errno.ts';
import { union } from './native.ts';
import { SCAN_COUNT, SCAN_OPAQUE, SCAN_SUSPECTS, slot, TASK } from './slots.ts';

const DIRECTORY = 1;
const WHITEOUT = 2;
const HIDES_ALL = 'y'.charCodeAt(0);

/** OCI's marks (image-spec, layer.md): `.wh.NAME` hides NAME in the layers below, and the other all that they have. */
const OCI = '.wh.';
const OCI_OPAQUE = '.wh..wh..opq';

/** How the lowers of this process's union are to be read. */
export const rules = { oci: false };

/** What a directory of one layer holds. */
export interface Listing {
  readonly layer: number;
  readonly names: readonly string[];
  /** 1 a directory, 2 a whiteout, 0 anything else. */
  readonly kinds: Uint8Array;
}

export interface Merged {
  /** For each visible name: which listing shows it, where in it, and for a directory how many layers may go into it, and which. */
  readonly picks: Uint32Array;
  /** Of the names. */
  readonly count: number;
  /** The directories among them, and their layers. */
  readonly directories: Map<string, Uint32Array>;
}

/**
 * The rule of a union, over one directory of each layer, topmost first: the topmost that has a name decides, and directories go on through the
 * layers below until something that is no directory, or a whiteout, ends them. (Whether a directory is opaque, it says itself, when it is
 * compiled.) Pure.
 */
export function merge(listings: readonly Listing[]): Merged {
  interface Name {
    readonly listing: number;
    readonly index: number;
    readonly layers: number[];
    /** Nothing below counts any more. */
    ended: boolean;
    readonly hides: boolean;
  }
  const names = new Map<string, Name>();
  for (const [listing, { layer, names: listed, kinds }] of listings.entries()) {
    const marks: string[] = [];
    for (const [index, name] of listed.entries()) {
      const kind = kinds[index];
      if (rules.oci && name.startsWith(OCI)) {
        marks.push(name.slice(OCI.length));
        continue;
      }
      const known = names.get(name);
      if (!known)
        names.set(name, {
          listing,
          index,
          layers: kind === DIRECTORY ? [layer] : [],
          ended: kind !== DIRECTORY,
          hides: kind === WHITEOUT,
        });
      else if (!known.ended && kind === DIRECTORY) known.layers.push(layer);
      else known.ended = true;
    }
    // Not in their own layer: what it has beside a mark is what came instead.
    for (const name of marks) {
      const known = names.get(name);
      if (known) known.ended = true;
      else names.set(name, { listing, index: 0, layers: [], ended: true, hides: true });
    }
  }
  const picks: number[] = [];
  const directories = new Map<string, Uint32Array>();
  let count = 0;
  for (const [name, { listing, index, layers, hides }] of names) {
    if (hides) continue;
    picks.push(listing, index, layers.length, ...layers);
    if (layers.length > 0) directories.set(name, Uint32Array.from(layers));
    count++;
  }
  return { picks: Uint32Array.from(picks), count, directories };
}

/** What a directory of the lowers is to show; `keep` puts it into the table. */
export interface Compiled {
  readonly entry: number;
  readonly parts: Uint32Array;
  readonly scans: Uint32Array;
  /** Null: all of the only scan. */
  readonly picks: Uint32Array | null;
  readonly count: number;
}

/** Reads a directory from its candidates, topmost first, until one is opaque. `above` gives the part of its parent in a layer. Throws Later where a worker reads. */
export function read(entry: number, layers: Uint32Array, above: (layer: number) => number): Compiled {
  const parts: number[] = [];
  const scans: number[] = [];
  let suspects = 0;
  try {
    for (const layer of layers) {
      const key = `${entry} ${layer}`;
      const part = reading.get(key) ?? check(union.part(above(layer), entry, layer));
      reading.delete(key);
      parts.push(part);
      scans.push(scan(part));
      suspects += slot(SCAN_SUSPECTS);
      const opaque = slot(SCAN_OPAQUE) === HIDES_ALL;
      const marked = rules.oci ? ociMarks(scans.at(-1) ?? 0, layer) : [];
      suspects += marked.length;
      if (opaque || marked.includes(OCI_OPAQUE)) break;
    }
  } catch (error) {
    for (const one of scans) union.dropScan(one);
    const awaited = error instanceof Later ? parts.pop() : undefined;
    for (const part of parts) union.dropPart(part);
    if (awaited !== undefined) reading.set(`${entry} ${layers[parts.length] ?? 0}`, awaited);
    throw error;
  }
  const alone = scans.length === 1 && suspects === 0;
  const { picks, count } = alone
    ? { picks: null, count: 0 }
    : merge(scans.map((one, at) => scanned(one, layers[at] ?? 0)));
  return { entry, parts: Uint32Array.from(parts), scans: Uint32Array.from(scans), picks, count };
}

/** Parts that a worker reads, by entry and layer: what it found is theirs, for who asks again. */
const reading = new Map<string, number>();

function scan(part: number): number {
  const result = union.scan(part);
  if (result === -EAGAIN) throw new Later(slot(TASK));
  counts.set(check(result), slot(SCAN_COUNT));
  return result;
}

/** By scan; the slot holds the last one's alone. */
const counts = new Map<number, number>();

export function scanned(one: number, layer: number): Listing {
  const kinds = new Uint8Array(counts.get(one) ?? 0);
  return { layer, names: union.names(one, kinds), kinds };
}

const ociMarks = (one: number, layer: number): string[] =>
  scanned(one, layer).names.filter(name => name.startsWith(OCI));

export function keep({ entry, parts, scans, picks, count }: Compiled): void {
  check(union.keep(entry, parts, scans, picks, count));
}

/** A directory on first use: from then on the table answers for it. */
export function compile(entry: number): void {
  const parent = union.parentOf(entry);
  const parts = entry === 0 ? new Uint32Array() : union.partsOf(parent);
  keep(read(entry, union.layersOf(entry), layer => (entry === 0 ? -1 : partIn(parts, layer))));
}

/** The part of a directory in a layer; one that it does not have is a mistake of ours. */
export function partIn(parts: Uint32Array, layer: number): number {
  const part = parts.find(one => union.layerOf(one) === layer);
  if (part === undefined) throw new Error(`no part in layer ${layer}`);
  return part;
}
