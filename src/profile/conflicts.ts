import { listLayers } from '../layer/index.ts';
import { type ConflictKind, conflicts } from '../ownership/index.ts';
import { currentGeneration, type LayerRef, type Target } from '../stack/index.ts';
import { lineage, type Recipes } from './lineage.ts';
import { loadProfile } from './load.ts';
import { pickLayer, queryName } from './pick.ts';
import { type Problem, problem } from './problem.ts';
import { replacing } from './replaces.ts';
import type { Session } from './session.ts';
import { shownBelow } from './shown.ts';
import { resolveNow, wantedBy } from './switch.ts';
import type { ConflictReport, PathConflict } from './types.ts';
import { stackedLayers } from './unions.ts';

/**
 * Paths that two layers of the running stack bring, or of the stack that a profile comes to.
 *
 * The rule: the same in both is fine. Other attributes (owner, mode, xattrs) are a note. Other content, or another type, is an error,
 * unless one recipe names both layers in its ENABLES: whoever wrote the list wrote which is on top. Layers that meet through IMPORTS,
 * or because one was enabled on a running stack, were never put in order by anybody, unless the upper one's recipe says that it replaces
 * the other (REPLACE). An error does not stop a switch: the stack is well defined, the upper layer's path shows.
 */
export async function conflictsOf(session: Session, profile?: string): Promise<ConflictReport> {
  if (profile !== undefined) {
    const wanted = wantedBy(await resolveNow(session, profile), {});
    return report(session, profile, wanted.layers, wanted.targets);
  }
  const running = currentGeneration(session.ctx);
  return report(session, running.profile, stackedLayers(running), running.targets);
}

/** One problem for each pair of layers that nobody put in order. None is fatal. */
export function conflictProblems({ conflicts: found }: ConflictReport): Problem[] {
  const pairs = new Map<string, PathConflict[]>();
  for (const conflict of found.filter(({ severity }) => severity === 'error')) {
    const pair = `${nameOf(conflict.above)} and ${nameOf(conflict.under)}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), conflict]);
  }
  return [...pairs].flatMap(([pair, [first, ...more]]) =>
    first === undefined
      ? []
      : problem(
          'conflict',
          `${pair} differ in ${first.path}${more.length > 0 ? ` and ${more.length} more` : ''}: that of ${first.above.layer} would show`,
          'name both in the ENABLES of one profile, in the order that is meant, or leave one out',
          false,
        ),
  );
}

async function report(
  session: Session,
  profile: string | null,
  layers: readonly LayerRef[],
  targets: readonly Target[],
): Promise<ConflictReport> {
  const listed = profile === null ? () => false : await orderIn(session, profile);
  const replaces = replacing(session.ctx);
  const ordered = (top: LayerRef, low: LayerRef) => listed(top.name, low.name) || replaces(top, low.name);
  const found = targets.flatMap(target => pathConflicts(session, layers, target, ordered));
  return {
    profile,
    identical: found.filter(({ kind }) => kind === 'identical').length,
    conflicts: found.filter(({ kind }) => kind !== 'identical').sort(gravestFirst),
  };
}

function pathConflicts(
  { trees }: Session,
  layers: readonly LayerRef[],
  { path: target, from }: Target,
  ordered: (top: LayerRef, low: LayerRef) => boolean,
): PathConflict[] {
  const present = layers.filter(layer => trees.holds(layer, from));
  return [...conflicts(present.map(layer => trees.tree(layer, from)))].flatMap(
    ({ path, kind, above, under }) => {
      const [top, low] = [present[above], present[under]];
      if (top === undefined || low === undefined) return [];
      const chosen = ordered(top, low);
      return {
        path: shownBelow(target, path),
        kind,
        above: { layer: top.name, version: top.version },
        under: { layer: low.name, version: low.version },
        ordered: chosen,
        severity: severityOf(kind, chosen),
      };
    },
  );
}

function severityOf(kind: ConflictKind, ordered: boolean): PathConflict['severity'] {
  if (kind === 'identical') return 'fine';
  return kind === 'attributes' || ordered ? 'note' : 'error';
}

/** Does one recipe of the lineage name both layers? A running stack outlives its recipes: then nobody can tell. */
async function orderIn({ ctx }: Session, profile: string): Promise<(a: string, b: string) => boolean> {
  const recipes: Recipes = await loadProfile(ctx, profile).then(
    loaded => loaded.recipes,
    () => new Map(),
  );
  const store = await listLayers(ctx);
  const lists = lineage(profile, recipes).order.map(
    ({ enables }) => new Set(enables.map(({ query }) => pickLayer(query, store)?.name ?? queryName(query))),
  );
  return (a, b) => lists.some(list => list.has(a) && list.has(b));
}

function gravestFirst(a: PathConflict, b: PathConflict): number {
  if (a.severity !== b.severity) return a.severity === 'error' ? -1 : 1;
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

const nameOf = ({ layer, version }: PathConflict['above']) => `${layer} ${version}`;
