import type { OwnedUnion } from '../ownership/index.ts';
import type { Origin } from './types.ts';

/** Paths are bytes inside (one character a byte); people and JSON read UTF-8. */
export function shown(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/** The path of bytes for what a person wrote, or as it came. */
export function bytesOf(path: string | Uint8Array): string {
  return Buffer.from(path as string).toString('latin1');
}

/** A path relative to the target, as people write it. */
export function shownBelow(target: string, path: string): string {
  return path === '' ? target : `${target}/${shown(path)}`;
}

export function originAt(origins: OwnedUnion['origins'], index: number): Origin {
  const origin = origins[index] ?? 'base';
  if (typeof origin === 'string') return { layer: origin, version: null };
  return { layer: origin.name, version: origin.version };
}
