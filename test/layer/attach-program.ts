import { readdirSync, readFileSync, statSync } from 'node:fs';
import { AT_EMPTY_PATH, assembleOverlay, native } from '../../src/kernel/index.ts';
import { attachLayer, listLayers, recoverImports } from '../../src/layer/index.ts';
import { type Context, choosePaths, type Forced, whoAmI } from '../../src/state/index.ts';

/**
 * Attaches every layer of the store, prints what each shows, and holds them until its standard input ends. FORCE are the ways that are
 * shut; FAULT is where it kills itself; OVERLAY stacks all of them.
 */
const { FORCE = '', FAULT, OVERLAY, NANOLIN_ROOT } = process.env;
const ctx: Context = {
  paths: choosePaths(NANOLIN_ROOT ? { root: NANOLIN_ROOT } : {}, whoAmI()),
  log: { debug() {}, info() {}, warn() {} },
  now: () => new Date(),
  signal: new AbortController().signal,
  progress: () => {},
  forced: new Set(FORCE.split(',').filter(Boolean) as Forced[]),
  at: point => {
    if (point === FAULT) process.kill(process.pid, 'SIGKILL');
  },
};

await recoverImports(ctx);
const shown = [];
const fds: number[] = [];
for (const layer of await listLayers(ctx)) {
  const { fd, way } = await attachLayer(ctx, layer);
  fds.push(fd);
  const root = `/proc/self/fd/${fd}`;
  const entries = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const stat = statSync(`${root}/usr/bin/tool`);
  const content = readFileSync(`${root}/usr/bin/tool`, 'utf8');
  shown.push({ name: layer.name, way, entries, content, mode: stat.mode & 0o7777, uid: stat.uid });
}
if (OVERLAY) {
  const options = ['userxattr'];
  const { fd } = assembleOverlay({
    lowers: fds,
    source: 'nanolin-test',
    nosuid: true,
    options,
    forced: new Set(),
  });
  const mounted = native.statxMount(fd, '', AT_EMPTY_PATH).root;
  shown.push({ overlay: mounted && readFileSync(`/proc/self/fd/${fd}/usr/bin/tool`, 'utf8') });
}
console.log(JSON.stringify(shown));
