import { NanolinError } from '../error/index.ts';
import { isPackageName, isVersion } from './names.ts';
import { compareVersions } from './version.ts';

/** How a layer is asked for: by name, by name and version, or by the path of an image file. */
export type LayerQuery =
  | { readonly kind: 'name'; readonly name: string; readonly op: null; readonly version: null }
  | { readonly kind: 'name'; readonly name: string; readonly op: VersionOp; readonly version: string }
  | { readonly kind: 'path'; readonly path: string };

export type VersionOp = keyof typeof holds;

const holds = {
  '=': (order: number) => order === 0,
  '>=': (order: number) => order >= 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '<': (order: number) => order < 0,
};

// PATH_MAX
const maxPath = 4096;

/** Reads `name`, `name=1.2` (also `>=`, `<=`, `>`, `<`) or a path to an image (`/...img`, `./...img`). Throws `usage`. */
export function parseQuery(text: string): LayerQuery {
  if (/^\.?\//.test(text)) return parsePath(text);
  const [, name = '', op, version] = /^([^=<>]*)(?:([<>]?=|[<>])(.*))?$/s.exec(text) ?? [];
  if (!isPackageName(name)) throw notAQuery(text, 'a name is [a-z0-9][a-z0-9+._-]*');
  if (op === undefined || version === undefined) return { kind: 'name', name, op: null, version: null };
  if (!isVersion(version)) throw notAQuery(text, `after ${op} comes a version, [0-9][A-Za-z0-9.+~]*`);
  return { kind: 'name', name, op: op as VersionOp, version };
}

/** Does a layer of this name and version answer the query? A path is never answered by name: its file is. */
export function matches(
  query: LayerQuery,
  layer: { readonly name: string; readonly version: string },
): boolean {
  if (query.kind === 'path' || query.name !== layer.name) return false;
  return query.op === null || holds[query.op](compareVersions(layer.version, query.version));
}

/** The text that `parseQuery` reads back as the same query. */
export function printQuery(query: LayerQuery): string {
  if (query.kind === 'path') return query.path;
  return query.op === null ? query.name : `${query.name}${query.op}${query.version}`;
}

function parsePath(text: string): LayerQuery {
  if (!text.endsWith('.img')) throw notAQuery(text, 'a path to an image ends in .img');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (text.length > maxPath || /[\0-\x1f\x7f]/.test(text))
    throw notAQuery(text, 'the path is too long or not printable');
  return { kind: 'path', path: text };
}

function notAQuery(text: string, why: string): NanolinError {
  return new NanolinError(
    'usage',
    `${JSON.stringify(text.slice(0, 80))} does not name a layer: ${why}`,
    'expected name, name=1.2, name>=1.2 (also <=, <, >), or a path to an image: /dir/x.img, ./x.img',
  );
}
