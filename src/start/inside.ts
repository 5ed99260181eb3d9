import { asNanolinError } from '../error/index.ts';
import { openNanolin } from '../index.ts';
import { lacking } from './outside.ts';
import { expect, failures, number, showProgress, tell } from './page.ts';
import { places } from './places.ts';
import { Reader } from './reader.ts';
import { story } from './story.ts';

/** The story and the reader beside it, in a mount namespace of their own. Returns the exit code. */
export async function inside(): Promise<number> {
  const where = places();
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => abort.abort());
  const nanolin = await openNanolin({ root: where.root, signal: abort.signal, progress: showProgress });
  try {
    const { ok, kernel } = await nanolin.doctor();
    if (!ok) return await lacking(where.root);
    tell(`Linux ${kernel}; the /usr of a mount namespace of its own, this machine's is not touched`);

    using reader = await Reader.begin();
    await story(nanolin, where);
    const { files, lookups, failed, errors } = await reader.end();
    tell('');
    expect(
      failed === 0,
      `${number(lookups)} look-ups of ${files} files by another process meanwhile, ${number(failed)} failed`,
    );
    for (const error of errors) tell(`     ${error}`);
    return failures() === 0 ? 0 : 1;
  } catch (thrown) {
    const error = asNanolinError(thrown);
    tell(`${error.code === 'bug' ? (error.stack ?? error.message) : error.message}`);
    if (error.hint) tell(error.hint);
    return error.exit;
  } finally {
    await nanolin.close();
  }
}
