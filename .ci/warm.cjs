// warm.cjs DIST DIRECTORY: writes DIST/nanolin.bundle.cache after the everyday commands have run, so that the functions they
// need, which V8 compiles when they are first called, are in the cache, and those of rarer commands are not.
'use strict';
const { execFileSync } = require('node:child_process');
const { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [, , dist, directory] = process.argv;
rmSync(join(dist, 'nanolin.bundle.cache'), { force: true });
const loader = join(dist, 'nanolin.warm.js');
writeFileSync(loader, readFileSync(join(__dirname, 'loader.cjs')));
const root = join(directory, 'root');
const target = join(directory, 'target');

async function main() {
  const prepared = prepare();
  const { run, script } = require(loader);
  const lines = [['--version'], ['status'], ['doctor'], ...(prepared ? everyday : [])];
  const failed = [];
  for (const line of lines) if ((await quietly(run, line)) !== 0) failed.push(line.join(' '));
  const digest = readFileSync(join(dist, 'nanolin.bundle.cjs'), 'latin1').slice(-65, -1);
  const cache = join(dist, 'nanolin.bundle.cache');
  writeFileSync(`${cache}.new`, Buffer.concat([Buffer.from(digest, 'latin1'), script.createCachedData()]));
  renameSync(`${cache}.new`, cache);
  if (failed.length > 0) console.error(`setup: the code cache is without ${failed.join(', ')}, which did not end well`);
}

const everyday = [
  ['profile', 'switch', 'warm'],
  ['enable', 'two'],
  ['status', '--json'],
  ['swap', 'two', 'three'],
  ['disable', 'three'],
  ['enable', 'two', '--json'],
  ['rollback'],
  ['plan', 'enable', 'three'],
  ['history'],
];

/** Layers and a profile, made in other processes: their code has no place in the cache. */
function prepare() {
  const nanolin = (...words) => execFileSync(process.execPath, [loader, '--root', root, ...words], { stdio: 'pipe' });
  try {
    mkdirSync(target, { recursive: true });
    for (const name of ['one', 'two', 'three']) {
      mkdirSync(join(directory, name, 'usr/bin'), { recursive: true });
      writeFileSync(join(directory, name, 'usr/bin', name), name);
      nanolin('layer', 'import', join(directory, name), '--name', name, '--version', '1');
    }
    mkdirSync(join(root, 'etc/nanolin/profiles'), { recursive: true });
    writeFileSync(
      join(root, 'etc/nanolin/profiles/warm.rcp'),
      `PROFILE warm\nCOMMENT warms the code cache\nTARGETS ${target} base=keep from=/\nENABLES one\nWRITING none\n`,
    );
    return true;
  } catch (error) {
    console.error(`setup: the code cache has no switch in it: ${String(error.stderr || error).trim().split('\n')[0]}`);
    return false;
  }
}

function quietly(run, line) {
  const sink = { write() {}, terminal: false, columns: 80 };
  return run(line, {
    env: { NANOLIN_ROOT: root },
    signal: new AbortController().signal,
    stdout: sink,
    stderr: sink,
    ask: async () => undefined,
    open: options => require(loader).open(options),
  });
}

main().then(
  // What the commands left open must not keep the build waiting.
  () => process.exit(0),
  error => {
    console.error(error);
    process.exit(1);
  },
);
process.on('exit', () => rmSync(loader, { force: true }));
