import { NanolinError } from '../error/index.ts';

/** Names that one name waits for. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * Runs `work` for every name after all that it waits for, at most `atOnce` at a time. The first failure stops what has not begun, and is
 * thrown when what had begun has ended. Throws refused with the whole circle where names wait for each other.
 */
export async function inOrder(
  graph: Graph,
  atOnce: number,
  work: (name: string) => Promise<void>,
): Promise<void> {
  const circle = findCircle(graph);
  if (circle)
    throw new NanolinError(
      'refused',
      `packages need each other to be built: ${circle.join(' needs ')}`,
      'one of them has to be built without the other first: split it',
    );
  const waiting = new Map(
    [...graph].map(([name, needs]) => [name, new Set(needs.filter(need => graph.has(need)))]),
  );
  const running = new Map<string, Promise<string>>();
  const failures: unknown[] = [];
  while (running.size > 0 || (waiting.size > 0 && failures.length === 0)) {
    if (failures.length === 0)
      for (const [name, needs] of waiting) {
        if (needs.size > 0 || running.size >= atOnce) continue;
        waiting.delete(name);
        const failed = (error: unknown) => {
          failures.push(error);
          return name;
        };
        running.set(
          name,
          work(name).then(() => name, failed),
        );
      }
    const done = await Promise.race(running.values());
    running.delete(done);
    for (const needs of waiting.values()) needs.delete(done);
  }
  if (failures.length > 0) throw failures[0];
}

/** A circle, its first name again at the end; null where there is none. Without recursion: a chain may be 100,000 long. */
export function findCircle(graph: Graph): string[] | null {
  const done = new Set<string>();
  for (const start of graph.keys()) {
    const path: string[] = [];
    const onPath = new Set<string>();
    const stack: { name: string; next: number }[] = [];
    const enter = (name: string) => {
      stack.push({ name, next: 0 });
      path.push(name);
      onPath.add(name);
    };
    if (!done.has(start)) enter(start);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const need = graph.get(top.name)?.[top.next++];
      if (need === undefined) {
        done.add(top.name);
        onPath.delete(top.name);
        path.pop();
        stack.pop();
      } else if (onPath.has(need)) return [...path.slice(path.indexOf(need)), need];
      else if (!done.has(need) && graph.has(need)) enter(need);
    }
  }
  return null;
}
