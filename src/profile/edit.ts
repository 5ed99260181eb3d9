import { NanolinError } from '../error/index.ts';
import { type LayerQuery, matches, nearest, parseQuery } from '../formats/index.ts';
import type { Layer } from '../layer/types.ts';
import type { LayerRef } from '../stack/types.ts';
import { layerMissing, pickLayer, queryName } from './pick.ts';

export type StackEdit =
  | {
      readonly do: 'enable';
      /** Bottom first, as in ENABLES: the last one named becomes topmost. */
      readonly layers: readonly string[];
      readonly above?: string | undefined;
      readonly below?: string | undefined;
    }
  | { readonly do: 'disable'; readonly layers: readonly string[] }
  | { readonly do: 'swap'; readonly old: string; readonly replacement: string };

/**
 * The stack after an edit, topmost first; the very same array when all is already so. One version of a name is on at a
 * time. Throws `layer-missing` for a layer that neither the stack nor the store knows, `usage` for a contradiction.
 */
export function editStack(
  stack: readonly LayerRef[],
  edit: StackEdit,
  store: readonly Layer[],
): readonly LayerRef[] {
  const edited =
    edit.do === 'enable'
      ? enable(stack, edit, store)
      : edit.do === 'disable'
        ? disable(stack, edit.layers, store)
        : swap(stack, parseQuery(edit.old), parseQuery(edit.replacement), store);
  return edited.length === stack.length && edited.every((ref, i) => ref.image === stack[i]?.image)
    ? stack
    : edited;
}

function enable(
  stack: readonly LayerRef[],
  { layers, above, below }: Extract<StackEdit, { do: 'enable' }>,
  store: readonly Layer[],
): LayerRef[] {
  const wanted = lastOfEachName(layers.map(text => wantedLayer(stack, parseQuery(text), store)));
  const anchor = anchorOf(above, below);
  if (anchor === null) {
    const result = [...stack];
    for (const ref of wanted) {
      const at = result.findIndex(each => each.name === ref.name);
      if (at < 0) result.unshift(ref);
      else result[at] = ref;
    }
    return result;
  }
  // A place that is asked for holds for what is on already, too.
  if (wanted.some(ref => ref.name === queryName(anchor)))
    throw new NanolinError('usage', `${queryName(anchor)} cannot be placed above or below itself`);
  const result = stack.filter(each => !wanted.some(ref => ref.name === each.name));
  const at = result.findIndex(each => isOn(anchor, each, store));
  if (at < 0) throw notOn(queryName(anchor), stack);
  result.splice(above === undefined ? at + 1 : at, 0, ...wanted.reverse());
  return result;
}

function disable(stack: readonly LayerRef[], layers: readonly string[], store: readonly Layer[]): LayerRef[] {
  const queries = layers.map(text => parseQuery(text));
  for (const query of queries) {
    const known = [...stack, ...store].some(each => each.name === queryName(query));
    if (!known && pickLayer(query, store) === null) throw unheardOf(query, stack, store);
  }
  return stack.filter(ref => !queries.some(query => isOn(query, ref, store)));
}

function swap(
  stack: readonly LayerRef[],
  old: LayerQuery,
  replacement: LayerQuery,
  store: readonly Layer[],
): LayerRef[] {
  const ref = wantedLayer(stack, replacement, store);
  const at = stack.findIndex(each => isOn(old, each, store));
  if (at < 0) {
    // Done before: the command can be run twice.
    if (stack.some(each => each.image === ref.image)) return [...stack];
    throw notOn(
      old.kind === 'path' || old.op === null ? queryName(old) : `${old.name}${old.op}${old.version}`,
      stack,
    );
  }
  return stack.flatMap((each, i) => (i === at ? ref : each.name === ref.name ? [] : each));
}

/** What is on and answers stays as it is; only what does not is looked for in the store. */
function wantedLayer(stack: readonly LayerRef[], query: LayerQuery, store: readonly Layer[]): LayerRef {
  const on = stack.find(ref => isOn(query, ref, store));
  if (on) return on;
  const layer = pickLayer(query, store);
  if (layer === null) throw layerMissing(query, store);
  const { name, version, stamp, digest, image } = layer;
  return { name, version, stamp, digest, image };
}

function isOn(query: LayerQuery, ref: LayerRef, store: readonly Layer[]): boolean {
  return query.kind === 'path' ? pickLayer(query, store)?.image === ref.image : matches(query, ref);
}

function lastOfEachName(refs: readonly LayerRef[]): LayerRef[] {
  return refs.filter((ref, i) => !refs.slice(i + 1).some(later => later.name === ref.name));
}

function anchorOf(above: string | undefined, below: string | undefined): LayerQuery | null {
  if (above !== undefined && below !== undefined)
    throw new NanolinError('usage', 'both --above and --below were given', 'give one place');
  const text = above ?? below;
  return text === undefined ? null : parseQuery(text);
}

function notOn(name: string, stack: readonly LayerRef[]): NanolinError {
  const names = stack.map(ref => ref.name);
  const close = nearest(name, names);
  const hint =
    close !== null && close !== name
      ? `did you mean ${close}?`
      : names.length === 0
        ? 'no layer is on'
        : `on are, topmost first: ${stack.map(ref => `${ref.name} ${ref.version}`).join(', ')}`;
  return new NanolinError('layer-missing', `${name} is not on`, hint);
}

function unheardOf(query: LayerQuery, stack: readonly LayerRef[], store: readonly Layer[]): NanolinError {
  const close = nearest(queryName(query), [...new Set([...stack, ...store].map(each => each.name))]);
  return new NanolinError(
    'layer-missing',
    `${queryName(query)}: no layer of that name is on or in the store`,
    close === null ? '`nanolin layer list` shows what there is' : `did you mean ${close}?`,
  );
}
