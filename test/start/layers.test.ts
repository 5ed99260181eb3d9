import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe, profileFrom } from '../../src/formats/index.ts';
import { openNanolin } from '../../src/index.ts';
import { enableDependencies } from '../../src/start/layers.ts';
import { layer } from '../profile/wanted.ts';

const test = suite('layers of the story');

test('dependencies that no profile names are enabled in base', async () => {
  const root = mkdtempSync(join(tmpdir(), 'nanolin-start-'));
  try {
    const profiles = join(root, 'etc/nanolin/profiles');
    mkdirSync(profiles, { recursive: true });
    const base = join(profiles, 'base.rcp');
    writeFileSync(base, 'PROFILE base\nTARGETS /usr\nENABLES tree\n');
    writeFileSync(join(profiles, 'web.rcp'), 'PROFILE web\nIMPORTS base\nENABLES nginx>=1\n');
    const nanolin = await openNanolin({ root });
    const store = ['libfoo 1', 'libfoo 2', 'nginx 1', 'tree 1'].map(layer);
    const stocked = { ...nanolin, layer: { ...nanolin.layer, list: async () => store } };
    await enableDependencies(stocked, ['base', 'web'], { top: root, root, program: '' });
    await nanolin.close();
    const recipe = profileFrom(parseRecipe(readFileSync(base), { file: base, strict: true }));
    assert.equal(
      recipe.enables.map(({ text }) => text),
      ['tree', 'libfoo'],
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.run();
