// Makes dist/: the program as one CommonJS file with V8's code cache beside it, the story that `npm start` tells, the library.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const top = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(top, 'dist');
mkdirSync(join(dist, 'lib'), { recursive: true });
put('package.json', '{ "type": "commonjs" }\n');
put('lib/package.json', '{ "type": "module" }\n');

// esbuild has said by then what is wrong.
process.on('uncaughtException', error => {
  console.error(`setup: ${error.message.split('\n')[0]}`);
  process.exit(1);
});

const library = compile();
const bundle = await bundled('src/cli/main.ts');
if (/[^\0-\x7f]/.test(bundle)) throw new Error('the bundle is not ASCII, as the loader reads it');
put('nanolin.bundle.cjs', `${bundle}//# ${createHash('sha256').update(bundle).digest('hex')}\n`);
warm();
if (existsSync(join(top, 'src/start/main.ts'))) put('start.js', await bundled('src/start/main.ts'));
await library;
// Last, because `.ci/setup` takes its time for that of all the rest.
put('nanolin.js', readFileSync(join(top, '.ci/loader.cjs'), 'utf8'), 0o755);

async function bundled(entry) {
  const { outputFiles } = await build({
    absWorkingDir: top,
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    legalComments: 'none',
    logLevel: 'warning',
    // A CommonJS file has no import.meta; what looks for its neighbours starts from the bundle.
    define: { 'import.meta.url': '__url' },
    banner: { js: 'const __url = require("node:url").pathToFileURL(__filename).href;' },
  });
  return outputFiles[0].text;
}

/** A reader sees the old file or the new one. */
function put(name, text, mode = 0o644) {
  const path = join(dist, name);
  writeFileSync(`${path}.new`, text);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

/**
 * The library with its declarations, beside the rest: the compiler takes the longest. It emits also where a type is wrong, which
 * is for `.ci/run` to judge.
 */
function compile() {
  const tsc = join(top, 'node_modules/typescript/bin/tsc');
  const compiler = spawn(process.execPath, [tsc, '-p', join(top, '.ci/tsconfig.build.json')], { stdio: ['ignore', 2, 2] });
  return new Promise(done => compiler.on('exit', done));
}

/** The cache is made in a process that has run the everyday commands, in a mount namespace of its own where that is allowed. */
function warm() {
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-warm-'));
  const warmer = [process.execPath, join(top, '.ci/warm.cjs'), dist, directory];
  const alone = process.getuid() === 0 ? ['unshare', '-m', '--propagation', 'private', ...warmer] : warmer;
  try {
    execFileSync(alone[0], alone.slice(1), { stdio: ['ignore', 2, 2], timeout: 120_000 });
  } catch (error) {
    // The program runs without a cache as well, only slower to start.
    console.error(`setup: no code cache: ${error.message.split('\n')[0]}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
