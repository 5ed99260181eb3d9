import type { Problem } from './problem.ts';
import type { Resolved } from './resolve.ts';
import type { ProfileReport } from './types.ts';

/** A resolved profile as it is shown; `doubts` are the parser's. */
export function reportProfile(resolved: Resolved, doubts: readonly Problem[] = []): ProfileReport {
  return {
    name: resolved.profile,
    comment: resolved.comment,
    imports: resolved.imports,
    targets: resolved.targets.map(({ path, base, from }) => ({ path, base, from })),
    layers: resolved.layers.map(({ query, name, layer }) => ({
      query,
      name,
      version: layer?.version ?? null,
      image: layer?.image ?? null,
    })),
    writing: resolved.writing,
    healthy: resolved.healthy,
    scripts: scriptsByEvent(resolved),
    problems: [...resolved.problems, ...doubts].map(({ code, message, hint }) => ({ code, message, hint })),
  };
}

function scriptsByEvent({ scripts }: Resolved): Record<string, string> {
  // No prototype: an event may be called as it likes.
  const byEvent: Record<string, string> = Object.create(null);
  for (const { event, body } of scripts) byEvent[event] = (byEvent[event] ?? '') + body;
  return byEvent;
}
