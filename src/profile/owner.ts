import { lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { NanolinError } from '../error/index.ts';
import {
  type LayerTree,
  namesIn,
  openStoreOwners,
  ownerOf,
  resolve,
  resolveChain,
  type StoreOwners,
  type Union,
} from '../ownership/index.ts';
import { isPattern, type Pattern, patternOf } from './glob.ts';
import { LiveStacks, type LiveTarget, layersOff } from './live.ts';
import { locate } from './locate.ts';
import type { Session } from './session.ts';
import { bytesOf, originAt, shown } from './shown.ts';
import type { PathOwner } from './types.ts';

export interface OwnerOptions {
  /** Everything below a directory as well. */
  readonly recursive?: boolean | undefined;
  /** Also every layer of the store that ships the path, by the path index. */
  readonly all?: boolean | undefined;
}

/**
 * Who owns each of the paths, with all that would or could: patterns are matched against what the stacks show, and where that gives
 * nothing against the layers that are off. A path that nobody has is answered too, as not visible. Paths as bytes name what is no UTF-8.
 */
export async function ownersOf(
  session: Session,
  paths: readonly (string | Uint8Array)[],
  { recursive = false, all = false }: OwnerOptions = {},
): Promise<PathOwner[]> {
  using stacks = new LiveStacks(session);
  using store = all ? await openStoreOwners(session.ctx) : null;
  const search = new Search(session, stacks, store);
  const owners: PathOwner[] = [];
  for (const path of paths) {
    const bytes = checked(bytesOf(path));
    for await (const found of search.find(
      bytes.startsWith('/') ? bytes : `${bytesOf(process.cwd())}/${bytes}`,
    ))
      for await (const one of recursive ? search.below(found) : [found]) owners.push(await search.owner(one));
  }
  return owners;
}

/** Trees that are looked through for names: those of a stack, or of one layer that is off. */
interface Place {
  readonly root: string;
  readonly union: Union;
}

class Search {
  readonly #session: Session;
  readonly #stacks: LiveStacks;
  readonly #store: StoreOwners | null;
  readonly #off = new Map<string, LayerTree[]>();
  #resume = performance.now() + 20;

  constructor(session: Session, stacks: LiveStacks, store: StoreOwners | null) {
    this.#session = session;
    this.#stacks = stacks;
    this.#store = store;
  }

  /** Absolute paths that a path or pattern means; itself when it means nothing. */
  async *find(path: string): AsyncGenerator<string> {
    const literal = locate(path, this.#stacks.targets).path;
    if (!isPattern(shown(path)) || (await this.#isHeld(literal))) {
      yield literal;
      return;
    }
    const names = literalStart(path);
    const start = locate(names.join('/'), this.#stacks.targets, true).path;
    const parts = [
      ...start.split('/').filter(Boolean).map(escaped),
      ...path
        .split('/')
        .filter(Boolean)
        .slice(names.length - 1),
    ].map(shown);
    const pattern = patternOf(parts);
    const shownNow = await this.#matches(pattern, this.#stacks.targets.map(placeOf));
    const found = shownNow.length > 0 ? shownNow : await this.#matches(pattern, await this.#placesOff());
    yield* found.length > 0 ? found : [path];
  }

  /** The path, and everything that shows below it. */
  async *below(path: string): AsyncGenerator<string> {
    const { target, inside } = locate(path, this.#stacks.targets);
    yield path;
    if (target === null) return;
    const open = [inside];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      await this.#breathe();
      const children = namesIn(target.union, at).map(name => (at === '' ? name : `${at}/${name}`));
      for (const child of children) yield `${target.path}/${child}`;
      open.push(...children.reverse());
    }
  }

  async owner(asked: string): Promise<PathOwner> {
    await this.#breathe();
    const { path, target, inside } = locate(asked, this.#stacks.targets);
    if (target === null) return this.#outside(path);
    const { union } = target;
    const { owner, local, visible, shared, shadowed, off } = ownerOf(
      union,
      inside,
      await this.#offAt(target),
    );
    const upper = union.origins[0] === 'upper' ? 1 : 0;
    const still = resolve({ lowers: union.lowers.slice(upper) }, inside);
    const chain = resolveChain(union, inside).map(({ index, node, role, by }) => ({
      ...originAt(union.origins, index),
      role,
      kind: node.kind,
      by: by === null ? null : originAt(union.origins, by),
    }));
    return {
      path: shown(path),
      target: shown(target.path),
      owner,
      base: still !== null && union.origins[still.index + upper] === 'base',
      local,
      visible,
      shared,
      shadowed,
      off,
      chain,
      leadsTo: this.#endOf(path),
      ...this.#shipped(below(target.from, inside)),
    };
  }

  /** Where no stack is, a layer would show its files under their whole path: that is how targets take them (FORMATS.md, from=). */
  async #outside(path: string): Promise<PathOwner> {
    const visible = isThere(path);
    const off = (await this.#whole()).filter(
      ({ tree }) => resolve({ lowers: [tree] }, path.slice(1)) !== null,
    );
    return {
      path: shown(path),
      target: null,
      owner: null,
      base: visible,
      local: false,
      visible,
      shared: [],
      shadowed: [],
      off: off.map(({ layer }) => ({ layer: layer.name, version: layer.version })),
      chain: [],
      leadsTo: this.#endOf(path),
      ...this.#shipped(path.slice(1)),
    };
  }

  #shipped(path: string): Pick<PathOwner, 'shipped'> {
    return this.#store === null ? {} : { shipped: this.#store.lookup(path) };
  }

  #endOf(path: string): string | null {
    const end = locate(path, this.#stacks.targets, true);
    return end.target === null || end.path === path ? null : shown(end.path);
  }

  async #isHeld(path: string): Promise<boolean> {
    const { visible, chain, off } = await this.owner(path);
    return visible || chain.length > 0 || off.length > 0;
  }

  async #matches(pattern: Pattern, places: readonly Place[]): Promise<string[]> {
    const found = new Set<string>();
    for (const { root, union } of places) {
      const names = root.split('/').filter(Boolean);
      const start = names.reduce<Pattern | null>((left, name) => left?.below(shown(name)) ?? null, pattern);
      const open = start === null ? [] : [{ path: '', left: start }];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        await this.#breathe();
        if (at.left.ends) found.add(at.path === '' ? root : `${root === '/' ? '' : root}/${at.path}`);
        for (const name of namesIn(union, at.path).reverse()) {
          const left = at.left.below(shown(name));
          if (left !== null) open.push({ path: at.path === '' ? name : `${at.path}/${name}`, left });
        }
      }
    }
    return [...found].sort();
  }

  async #placesOff(): Promise<Place[]> {
    const places: Place[] = [];
    for (const target of this.#stacks.targets)
      for (const { tree } of await this.#offAt(target))
        places.push({ root: target.path, union: { lowers: [tree] } });
    for (const { tree } of await this.#whole()) places.push({ root: '/', union: { lowers: [tree] } });
    return places;
  }

  /** By the subtree that the target takes. */
  async #offAt({ from }: LiveTarget): Promise<LayerTree[]> {
    const known = this.#off.get(from);
    if (known !== undefined) return known;
    const off = await layersOff(this.#session, this.#stacks.generation, from);
    this.#off.set(from, off);
    return off;
  }

  /** Every layer of the store, on or off: where there is no stack none of them shows. */
  async #whole(): Promise<LayerTree[]> {
    const known = this.#off.get('/');
    if (known !== undefined) return known;
    const all = await layersOff(this.#session, { ...this.#stacks.generation, layers: [] }, '');
    this.#off.set('/', all);
    return all;
  }

  async #breathe(): Promise<void> {
    if (performance.now() < this.#resume) return;
    await setImmediate();
    if (this.#session.ctx.signal.aborted) throw new NanolinError('cancelled', 'the search was stopped');
    this.#resume = performance.now() + 20;
  }
}

/** What no file system takes; a live tree would be asked for it in vain. */
function checked(path: string): string {
  if (path.includes('\0') || path.length > 4095 || path.split('/').some(name => name.length > 255))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(shown(path.slice(0, 80)))} cannot be a path`,
      'a name has at most 255 bytes, a path 4095, and no byte is zero',
    );
  return path;
}

function isThere(path: string): boolean {
  try {
    return lstatSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function placeOf({ path, union }: LiveTarget): Place {
  return { root: path, union };
}

/** The names before the first one that is a pattern, with the empty one before the first slash. */
function literalStart(path: string): string[] {
  const names = path.split('/').filter((name, index) => index === 0 || name !== '');
  const first = names.findIndex(isPattern);
  return names.slice(0, first);
}

function escaped(name: string): string {
  return name.replace(/[\\*?[]/g, '\\$&');
}

function below(from: string, inside: string): string {
  return from === '' || inside === '' ? from + inside : `${from}/${inside}`;
}
